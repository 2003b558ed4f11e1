"""The options of the side that faces devices: listeners, their certificate, who may hand in mail, and how much.

Parts of `relay.config.settings`, which is where others import them from.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, field_validator, model_validator

from relay.config.network import Network, network_of
from relay.config.secret import SecretRef  # noqa: TC001  (pydantic needs it at run time)
from relay.config.section import Patience, Positive, Section, Text


class ListenerTls(StrEnum):
    """Encryption on a listener."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"
    IMPLICIT = "implicit"


class ListenerAuth(StrEnum):
    """Login on a listener."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Listener(Section):
    """One socket on which devices hand in mail."""

    listen: str = Field(
        description="Address and port to listen on; an IPv6 address stands in square brackets.",
        examples=["0.0.0.0:2525", "[::]:25"],
    )
    tls: ListenerTls = Field(
        default=ListenerTls.OPTIONAL,
        description="Encryption: none, optional (STARTTLS offered), required (STARTTLS before mail), "
        "implicit (TLS from the first byte, as on port 465).",
    )
    auth: ListenerAuth = Field(
        default=ListenerAuth.OPTIONAL,
        description="Login: none (never offered), optional (devices may be known by address alone), required.",
    )

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        host, port = _split_listen(value)
        if not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
            raise ValueError("must be host:port, such as 0.0.0.0:2525 or [::]:25")
        return value

    @property
    def host(self) -> str:
        """The host without square brackets."""
        return _split_listen(self.listen)[0]

    @property
    def port(self) -> int:
        """The port; 0 lets the system choose one."""
        return int(_split_listen(self.listen)[1])


class Tls(Section):
    """The relay's own certificate, shown to devices. Absent: a self-signed one is made once and kept in data_dir."""

    certificate: SecretRef | None = Field(
        default=None,
        description="The certificate chain, PEM.",
        examples=[{"file": "/etc/relay/tls.crt"}],
    )
    private_key: SecretRef | None = Field(
        default=None,
        description="The private key that belongs to it, PEM, without a passphrase.",
        examples=[{"file": "/etc/relay/tls.key"}],
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> Tls:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and private_key belong together: give both or none")
        return self


class Login(Section):
    """User name and password a device signs in with (AUTH PLAIN or LOGIN)."""

    username: Text = Field(description="The user name set in the device.", examples=["erp"])
    password: SecretRef = Field(description="The password set in the device.", examples=[{"env": "ERP_PASSWORD"}])


class Device(Section):
    """A device or application that may hand in mail: known by its address, by a login, or by both together."""

    address: str | None = Field(
        default=None,
        description="IP address the device sends from, or a network such as 10.0.3.0/24.",
        examples=["10.0.2.17"],
    )
    login: Login | None = Field(
        default=None,
        description="User name and password the device signs in with.",
        examples=[{"username": "copier", "password": {"file": "/etc/relay/copier.password"}}],
    )
    profile: str = Field(
        description="Name of the sender profile (under profiles) its mail leaves by.", examples=["scans"]
    )
    recipients: tuple[Text, ...] = Field(
        default=("*",),
        min_length=1,
        description="Recipients it may write to; * stands for any characters.",
        examples=[["*@contoso.com"]],
    )

    @field_validator("address")
    @classmethod
    def _is_network(cls, value: str | None) -> str | None:
        if value is not None:
            network_of(value)
        return value

    @field_validator("recipients")
    @classmethod
    def _can_match(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        useless = next((pattern for pattern in patterns if "@" not in pattern and "*" not in pattern), None)
        if useless is not None:
            raise ValueError(f"'{useless}' matches no address; for a whole domain write *@{useless}")
        return patterns

    @model_validator(mode="after")
    def _can_be_known(self) -> Device:
        if self.address is None and self.login is None:
            raise ValueError("a device needs address, login or both, or it could never be recognised")
        return self

    @property
    def network(self) -> Network | None:
        """The address as a network (a single address: /32 or /128); None when the device is known by login alone."""
        return None if self.address is None else network_of(self.address)


class Intake(Section):
    """What devices may hand in, and how long they may take."""

    max_message_size: Positive = Field(default=36_700_160, description="Largest message in bytes, as sent.")
    max_recipients: Positive = Field(default=500, description="Most recipients of one message.")
    max_sessions: Positive = Field(default=1000, description="Most connections at the same time, on all listeners.")
    command_timeout_s: Patience = Field(default=300, description="Seconds a device may take for one command.")
    data_timeout_s: Patience = Field(default=600, description="Seconds without a byte while a message comes in.")


def _split_listen(text: str) -> tuple[str, str]:
    """Host and port; no host where an IPv6 address lacks its brackets, because its port could not be told apart."""
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1], port
    return ("" if ":" in host else host), port
