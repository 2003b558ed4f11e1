"""The options of one listener: where it listens, and in which dialect devices may speak to it.

Parts of `relay.config.settings`, which is where others import them from.
"""

from __future__ import annotations

import re
from enum import StrEnum

from pydantic import Field, field_validator

from relay.config.section import Positive, Section, Text
from relay.config.trusting import Trusting

_ACTIVATED = re.compile(r"fd:([!-9;-~]+)\Z")  # systemd.socket(5): ASCII, no control characters, no colon


class ListenerTls(StrEnum):
    """Encryption on a listener."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"
    IMPLICIT = "implicit"


class TlsFloor(StrEnum):
    """The oldest TLS a listener speaks."""

    MODERN = "modern"
    LEGACY = "legacy"


class ListenerAuth(StrEnum):
    """Login on a listener."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Mechanism(StrEnum):
    """A way to log in (SASL)."""

    LOGIN = "LOGIN"
    PLAIN = "PLAIN"
    CRAM_MD5 = "CRAM-MD5"


class ProxyProtocol(Trusting):
    """A load balancer in front of the listener that tells the device's own address (PROXY protocol, version 1 or 2)."""

    trusted: tuple[Text, ...] = Field(
        min_length=1,
        description="Addresses or networks of the load balancer; connections from there must begin with the PROXY "
        "header, from anywhere else it is refused.",
        examples=[["10.0.0.5", "10.0.9.0/24"]],
    )


class Listener(Section):
    """One socket on which devices hand in mail."""

    listen: str = Field(
        description="Address and port to listen on; an IPv6 address stands in square brackets. A socket that systemd "
        "passes is used when it has this address; fd:NAME takes it by its FileDescriptorName.",
        examples=["0.0.0.0:2525", "[::]:25", "fd:relay"],
    )
    tls: ListenerTls = Field(
        default=ListenerTls.OPTIONAL,
        description="Encryption: none, optional (STARTTLS offered), required (STARTTLS before mail), "
        "implicit (TLS from the first byte, as on port 465).",
    )
    tls_floor: TlsFloor = Field(
        default=TlsFloor.MODERN,
        description="Oldest TLS: modern (1.2) or legacy (1.0 with AES and SHA-1, for old devices; as good as no "
        "encryption against an attacker). SSLv3, RC4 and 3DES can't be had: such a device needs tls: none.",
    )
    auth: ListenerAuth = Field(
        default=ListenerAuth.OPTIONAL,
        description="Login: none (never offered), optional (devices may be known by address alone), required.",
    )
    mechanisms: tuple[Mechanism, ...] = Field(
        default=(Mechanism.LOGIN, Mechanism.PLAIN),
        min_length=1,
        description="Ways to log in: LOGIN, PLAIN, CRAM-MD5. CRAM-MD5 works only for devices whose password the relay "
        "can read (not hashed), and devices that see it use nothing else. DIGEST-MD5, NTLM and GSSAPI are not offered.",
        examples=[["LOGIN", "PLAIN", "CRAM-MD5"]],
    )
    auth_equals: bool = Field(
        default=False,
        description="Also announces logins in the old form AUTH=LOGIN, for clients that know no other.",
    )
    helo_only: bool = Field(
        default=False,
        description="Answers EHLO with 502, so that devices that stumble over extensions go on with HELO.",
    )
    max_message_size: Positive | None = Field(
        default=None,
        description="Largest message in bytes on this listener; empty: intake.max_message_size.",
        examples=[10_485_760],
    )
    proxy_protocol: ProxyProtocol | None = Field(
        default=None,
        description="Set when a load balancer stands before this listener and sends the PROXY header.",
        examples=[{"trusted": ["10.0.0.5"]}],
    )

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        if _ACTIVATED.match(value):
            return value
        host, port = _split_listen(value)
        if not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
            raise ValueError("must be host:port, such as 0.0.0.0:2525 or [::]:25, or fd:NAME for a socket of systemd")
        return value

    @field_validator("mechanisms", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return [item.upper() if isinstance(item, str) else item for item in value] if isinstance(value, list) else value

    @property
    def activated(self) -> str | None:
        """The name of the socket that systemd passes; None for an address."""
        found = _ACTIVATED.match(self.listen)
        return found[1] if found else None

    @property
    def host(self) -> str:
        """The host without square brackets; of a socket that systemd passes, the name."""
        return _split_listen(self.listen)[0] if self.activated is None else self.listen

    @property
    def port(self) -> int:
        """The port; 0 lets the system choose one, and is what a socket of systemd has here."""
        return int(_split_listen(self.listen)[1]) if self.activated is None else 0


def _split_listen(text: str) -> tuple[str, str]:
    """Host and port; no host where an IPv6 address lacks its brackets, because its port could not be told apart."""
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1], port
    return ("" if ":" in host else host), port
