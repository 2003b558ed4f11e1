"""Every option of the relay, once; the field texts are the manual: example, schema and reference are printed from here.

The models are pure values: nothing is read or looked up here. `relay.config.loader` reads files, `relay.config.secret`
reads secrets. Times are in seconds, sizes in bytes.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from relay.config.clouds import HOSTS, Cloud
from relay.config.secret import SecretRef  # noqa: TC001  (pydantic needs it at run time)
from relay.config.section import Mail, Positive, Seconds, Section, Text

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


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


class FromPolicy(StrEnum):
    """What becomes of the sender a device wrote."""

    KEEP = "keep"
    MAILBOX = "mailbox"
    PERSON = "person"


class Uncertain(StrEnum):
    """What becomes of a message whose final answer was lost."""

    RETRY = "retry"
    HOLD = "hold"


class LogFormat(StrEnum):
    """Shape of log lines."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """The least severe log line that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


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


class Credential(Section):
    """How the relay proves to Entra that it is the app."""

    secret: SecretRef = Field(
        description="The client secret of the app registration (the value, not its id).",
        examples=[{"env": "CONTOSO_SECRET"}],
    )


class App(Section):
    """An app registration in Entra ID; it needs the right to send as the mailboxes of its profiles."""

    cloud: Cloud = Field(
        default=Cloud.WORLDWIDE,
        description="The Microsoft cloud the tenant lives in; GCC belongs to worldwide.",
    )
    tenant: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$",
        description="The tenant: its id (a GUID) or one of its domains.",
        examples=["contoso.onmicrosoft.com"],
    )
    client_id: Text = Field(
        description="The application (client) id of the app registration.",
        examples=["11111111-2222-3333-4444-555555555555"],
    )
    credential: Credential = Field(description="How the relay proves that it is the app.")
    authority: str = Field(
        default="",
        pattern=r"^(https://[^\s/]+(/\S*)?)?$",
        description="Overrides the sign-in address of the cloud; the tenant is added where it has no path.",
        examples=["https://login.microsoftonline.com"],
    )
    scope: str = Field(
        default="",
        pattern=r"^\S*$",
        description="Overrides the scope that follows from the cloud.",
        examples=["https://outlook.office365.com/.default"],
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of certificate authorities to trust for sign-in, instead of the system's.",
        examples=["/etc/relay/proxy-ca.pem"],
    )
    token_grace_s: Seconds = Field(
        default=300, description="Seconds before its end at which a token is renewed.", examples=[300]
    )

    @property
    def authority_url(self) -> str:
        """The authority as MSAL takes it: sign-in host and tenant, no trailing slash."""
        if not self.authority:
            return f"https://{HOSTS[self.cloud].login}/{self.tenant}"
        url = self.authority.rstrip("/")
        return url if urlsplit(url).path else f"{url}/{self.tenant}"

    @property
    def scope_text(self) -> str:
        """The app-only scope to ask for."""
        return self.scope or HOSTS[self.cloud].scope


class Endpoint(Section):
    """Where mail is submitted (STARTTLS, always verified)."""

    host: str = Field(
        default="",
        pattern=r"^\S*$",
        description="Host name of the submission server; empty: the cloud's own.",
        examples=["smtp.office365.com"],
    )
    port: int = Field(default=587, ge=1, le=65535, description="Port of the submission server.")
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of certificate authorities to trust for submission, instead of the system's.",
        examples=["/etc/relay/proxy-ca.pem"],
    )


class Profile(Section):
    """How mail leaves: the app, the mailbox that signs in, and what becomes of the sender."""

    app: str = Field(description="Name of the app (under apps) that gets the tokens.", examples=["contoso"])
    mailbox: Mail = Field(description="The Exchange mailbox that signs in and sends.", examples=["scanner@contoso.com"])
    from_policy: FromPolicy = Field(
        default=FromPolicy.KEEP,
        alias="from",
        description="The sender: keep (as the device wrote it; needs Send As), mailbox (replaced by the mailbox), "
        "person (the mailbox with the person's name, replies go to the person).",
    )
    endpoint: Endpoint = Field(default=Endpoint(), description="Overrides where mail is submitted.")
    pipelining: bool = Field(
        default=True, description="Send MAIL, RCPT and DATA in one go where the server offers PIPELINING."
    )
    chunking: bool = Field(default=True, description="Send the body with BDAT where the server offers CHUNKING.")
    messages_per_session: Positive = Field(
        default=100, description="Messages sent over one connection before a new one is opened."
    )
    session_s: Seconds = Field(default=300, description="Seconds after which a connection takes no further message.")
    idle_s: Seconds = Field(default=60, description="Seconds a connection is kept open with nothing to send.")


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
    login: Login | None = Field(default=None, description="User name and password the device signs in with.")
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
            _network(value)
        return value

    @model_validator(mode="after")
    def _can_be_known(self) -> Device:
        if self.address is None and self.login is None:
            raise ValueError("a device needs address, login or both, or it could never be recognised")
        return self

    @property
    def network(self) -> Network | None:
        """The address as a network (a single address: /32 or /128); None when the device is known by login alone."""
        return None if self.address is None else _network(self.address)


class MailboxLimits(Section):
    """What Exchange allows one mailbox; shared by all profiles that use it."""

    sessions: int = Field(
        default=2, ge=1, le=3, description="Connections at the same time; Exchange refuses more than 3."
    )
    messages_per_minute: int = Field(
        default=28, ge=0, description="Messages per minute; Exchange allows 30. 0: no limit."
    )


class Intake(Section):
    """What devices may hand in, and how long they may take."""

    max_message_size: Positive = Field(default=36_700_160, description="Largest message in bytes, as sent.")
    max_recipients: Positive = Field(default=500, description="Most recipients of one message.")
    max_sessions: Positive = Field(default=1000, description="Most connections at the same time, on all listeners.")
    command_timeout_s: Seconds = Field(default=300, description="Seconds a device may take for one command.")
    data_timeout_s: Seconds = Field(default=600, description="Seconds without a byte while a message comes in.")


class Spool(Section):
    """The durable store of messages between acceptance and outcome."""

    inline_max: int = Field(
        default=65_536,
        ge=0,
        description="Bodies up to this many bytes are kept in the database, larger ones in a file.",
    )
    min_free_bytes: int = Field(
        default=268_435_456, ge=0, description="Free bytes on the disk below which no new mail is taken."
    )
    keep_delivered_days: int = Field(
        default=7, ge=0, le=36_500, description="Days the record of a delivered message is kept."
    )
    keep_failed_days: int = Field(default=30, ge=0, le=36_500, description="Days a failed message is kept.")


class Delivery(Section):
    """When to try, try again and give up."""

    retry_s: tuple[Seconds, ...] = Field(
        default=(30, 60, 120, 300, 600, 900, 1800, 3600),
        min_length=1,
        description="Seconds to wait after the first, second, … failed attempt; the last one repeats.",
    )
    expire_after_s: Seconds = Field(default=432_000, description="Seconds after which a message is given up.")
    uncertain: Uncertain = Field(
        default=Uncertain.RETRY,
        description="A message whose final answer was lost: retry (may arrive twice), hold (waits for the operator).",
    )
    recheck_s: Seconds = Field(default=300, description="Seconds after which a paused profile is tried again.")
    connect_timeout_s: Seconds = Field(default=30, description="Seconds to wait for the connection and its encryption.")
    reply_timeout_s: Seconds = Field(default=300, description="Seconds to wait for one answer of the server.")
    stop_deadline_s: Seconds = Field(default=20, description="Seconds a stopping relay gives to what it has in hand.")


class Log(Section):
    """What is logged, and how."""

    format: LogFormat = Field(
        default=LogFormat.AUTO, description="auto (console on a terminal, JSON otherwise), console or json."
    )
    level: LogLevel = Field(default=LogLevel.INFO, description="Least severe lines to write.")


class Settings(Section):
    """The whole configuration."""

    data_dir: Path = Field(
        default=Path("/var/lib/relay"), description="Directory of the spool and of keys made by the relay."
    )
    hostname: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9.-]*$",
        description="Name the relay greets with; empty: the machine's name.",
        examples=["relay.contoso.com"],
    )
    listeners: tuple[Listener, ...] = Field(min_length=1, description="Where devices hand in mail.")
    tls: Tls = Field(default=Tls(), description="The relay's own certificate.")
    apps: dict[str, App] = Field(min_length=1, description="App registrations in Entra ID, by a name of your choice.")
    profiles: dict[str, Profile] = Field(min_length=1, description="Sender profiles, by a name of your choice.")
    devices: dict[str, Device] = Field(
        min_length=1, description="Devices that may hand in mail, by a name of your choice."
    )
    limits: MailboxLimits = Field(default=MailboxLimits(), description="Limits of every mailbox.")
    mailboxes: dict[Mail, MailboxLimits] = Field(
        default_factory=dict, description="Limits of single mailboxes, by address; what is not set follows limits."
    )
    intake: Intake = Field(default=Intake(), description="What devices may hand in.")
    spool: Spool = Field(default=Spool(), description="The durable store.")
    delivery: Delivery = Field(default=Delivery(), description="Attempts and their timing.")
    log: Log = Field(default=Log(), description="Logging.")

    def endpoint_of(self, profile_name: str) -> Endpoint:
        """Where a profile submits, with the cloud's host filled in. Raises KeyError for an unknown profile."""
        profile = self.profiles[profile_name]
        host = profile.endpoint.host or HOSTS[self.apps[profile.app].cloud].smtp
        return profile.endpoint.model_copy(update={"host": host})

    def limits_of(self, mailbox: str) -> MailboxLimits:
        """The limits of one mailbox: its own where set, else those of all; addresses compare without regard to case."""
        own = next((item for name, item in self.mailboxes.items() if name.lower() == mailbox.lower()), None)
        if own is None:
            return self.limits
        return self.limits.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})


def _split_listen(text: str) -> tuple[str, str]:
    host, _, port = text.rpartition(":")
    return (host[1:-1] if host.startswith("[") and host.endswith("]") else host), port


def _network(text: str) -> Network:
    return ipaddress.ip_network(text, strict=False)
