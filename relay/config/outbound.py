"""The options of the side that faces Microsoft: apps, sender profiles, limits, attempts.

Parts of `relay.config.settings`, which is where others import them from.
"""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path  # noqa: TC003  (pydantic needs it at run time)

from pydantic import Field, field_validator

from relay.config.host import host_alone, no_web_services
from relay.config.secret import SecretRef  # noqa: TC001  (pydantic needs it at run time)
from relay.config.section import Delay, Mail, Patience, Positive, Seconds, Section, Text, can_match


class FromPolicy(StrEnum):
    """What becomes of the sender a device wrote."""

    KEEP = "keep"
    MAILBOX = "mailbox"
    PERSON = "person"
    SEND_AS = "send_as"


class Unlisted(StrEnum):
    """What becomes of mail whose author is not among the senders of its profile."""

    MAILBOX = "mailbox"
    REFUSE = "refuse"


class Uncertain(StrEnum):
    """What becomes of a message whose final answer was lost."""

    RETRY = "retry"
    HOLD = "hold"


class TransportKind(StrEnum):
    """The way a profile's mail leaves."""

    SMTP = "smtp"
    HVE = "hve"
    GRAPH = "graph"
    CONNECTOR = "connector"


class SignIn(StrEnum):
    """Who asks Entra for the token."""

    APP = "app"
    DELEGATED = "delegated"


class TooBig(StrEnum):
    """What becomes of a message that is larger than Graph takes in one request."""

    REFUSE = "refuse"
    FALLBACK = "fallback"


class AddressFamily(StrEnum):
    """Which addresses of a host are tried first."""

    AUTO = "auto"
    IPV4 = "ipv4"
    IPV6 = "ipv6"


class Outgoing(Section):
    """How the relay reaches Microsoft."""

    https_proxy: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="Proxy for sign-in, Graph (the environment's proxy variables are not looked at) and notifications.",
        examples=["http://proxy.contoso.com:3128"],
    )
    source_address: str = Field(
        default="",
        description="IP address of this machine to send from; empty: the system chooses.",
        examples=["10.0.0.5"],
    )
    address_family: AddressFamily = Field(
        default=AddressFamily.AUTO,
        description="Addresses tried first where a host has both kinds: auto (the system's order), ipv4 or ipv6.",
    )

    @field_validator("source_address")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return str(ip_address(value)) if value else value


class TokenStore(Section):
    """Where refresh tokens of delegated profiles are kept: encrypted, in data_dir/tokens."""

    key: SecretRef | None = Field(
        default=None,
        description="The key that encrypts them (`relay authorize --new-key` prints one); keep it away from the data.",
        examples=[{"credential": "token-key"}],
    )


class GraphOptions(Section):
    """For transport graph."""

    url: str = Field(
        default="",
        pattern=r"^(https://\S+)?$",
        description="Overrides the cloud's address of Microsoft Graph.",
        examples=["https://graph.microsoft.com/v1.0"],
    )
    too_big: TooBig = Field(
        default=TooBig.REFUSE,
        description="A message larger than Graph takes (about 3 MB): refuse (it fails, and says why), fallback (it "
        "leaves by the profile's fallback).",
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of certificate authorities to trust for Graph, instead of the system's.",
        examples=["/etc/relay/proxy-ca.pem"],
    )

    @field_validator("url")
    @classmethod
    def _is_graph(cls, url: str) -> str:
        return no_web_services(url)


class ConnectorOptions(Section):
    """For transport connector: the certificate that an inbound connector of the tenant knows; empty: its address."""

    host: str = Field(
        default="",
        description="The tenant's MX host; port 25 is used.",
        examples=["contoso-com.mail.protection.outlook.com"],
    )
    port: int = Field(default=25, ge=1, le=65535, description="Port of the tenant's MX host.")
    certificate: SecretRef | None = Field(
        default=None, description="Certificate shown to Exchange, PEM.", examples=[{"file": "/etc/relay/relay.crt"}]
    )
    private_key: SecretRef | None = Field(
        default=None, description="Its private key, PEM.", examples=[{"credential": "relay-key"}]
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of certificate authorities to trust for it, instead of the system's.",
        examples=["/etc/relay/proxy-ca.pem"],
    )

    @field_validator("host")
    @classmethod
    def _is_a_host(cls, host: str) -> str:
        return host_alone(host)


class Endpoint(Section):
    """Where mail is submitted (STARTTLS, always verified)."""

    host: str = Field(
        default="",
        description="Host name of the submission server; empty: the cloud's own.",
        examples=["smtp.office365.com"],
    )
    port: int = Field(default=587, ge=1, le=65535, description="Port of the submission server.")
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of certificate authorities to trust for submission, instead of the system's.",
        examples=["/etc/relay/proxy-ca.pem"],
    )

    @field_validator("host")
    @classmethod
    def _is_a_host(cls, host: str) -> str:
        return host_alone(host)

    @field_validator("port")
    @classmethod
    def _begins_in_clear(cls, port: int) -> int:
        if port == 465:
            raise ValueError(
                "is for TLS from the first byte, which Exchange does not offer; leave it out: 587, STARTTLS"
            )
        return port


class SendAs(Section):
    """The author that recipients see, when it is not the mailbox that signs in."""

    address: Mail = Field(
        description="Address of the shared mailbox; the mailbox that signs in needs Send As on it.",
        examples=["helpdesk@contoso.com"],
    )
    name: str = Field(
        default="",
        max_length=78,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="Display name in front of it; empty: the address alone.",
        examples=["Help Desk"],
    )


class Profile(Section):
    """How mail leaves: the app, the mailbox that signs in, and what becomes of the sender."""

    app: str = Field(description="Name of the app (under apps) that gets the tokens.", examples=["contoso"])
    mailbox: Mail = Field(
        description="The Exchange mailbox that signs in (XOAUTH2 user=) and sends; with sign_in: delegated the mailbox "
        "of the person who signs in, never a shared one.",
        examples=["scanner@contoso.com"],
    )
    sign_in: SignIn = Field(
        default=SignIn.APP,
        description="app (the app alone, with its credential), delegated (a person signs in once: relay authorize).",
    )
    upn: str = Field(
        default="",
        pattern=r"^([^@\s<>]+@[^@\s<>]+)?$",
        description="User principal name of the person who signs in, where it is not the mailbox's address.",
        examples=["j.doe@contoso.onmicrosoft.com"],
    )
    transport: TransportKind = Field(
        default=TransportKind.SMTP,
        description="smtp (client submission), hve (High Volume Email), graph (Microsoft Graph), connector (the "
        "tenant's MX with a certificate, no OAuth).",
    )
    fallback: TransportKind | None = Field(
        default=None,
        description="A second transport, used when the first one is refused for its configuration.",
        examples=["graph"],
    )
    internal_domains: tuple[Text, ...] = Field(
        default=(),
        description="The tenant's own domains; transport hve delivers to them alone. Empty: left to Exchange.",
        examples=[["contoso.com"]],
    )
    canary: str = Field(
        default="",
        pattern=r"^([^@\s<>]+@[^@\s<>]+)?$",
        description="A mailbox that the app must not be able to use; relay doctor proves that it is refused.",
        examples=["ceo@contoso.com"],
    )
    from_policy: FromPolicy = Field(
        default=FromPolicy.KEEP,
        alias="from",
        description="The sender: keep (as the device wrote it; needs Send As), mailbox (replaced by the mailbox), "
        "person (the mailbox with the person's name, replies go to the person), send_as (the address and name under "
        "send_as). docs/reference/from-policy.md shows what each makes of a message.",
    )
    send_as: SendAs | None = Field(
        default=None,
        description="The shared mailbox whose address and name `from: send_as` writes.",
        examples=[{"address": "helpdesk@contoso.com", "name": "Help Desk"}],
    )
    senders: tuple[Text, ...] = Field(
        default=("*",),
        min_length=1,
        description="Who may be named as author: kept in From and MAIL FROM, shown by name, put into Reply-To; * "
        "stands for any characters. The mailbox itself always may.",
        examples=[["*@contoso.com"]],
    )
    unlisted: Unlisted = Field(
        default=Unlisted.MAILBOX,
        description="Mail that names somebody else: mailbox (it leaves as the mailbox, or as send_as, and nobody else "
        "is named), refuse (the device hears 550).",
    )
    endpoint: Endpoint = Field(default=Endpoint(), description="Overrides where transports smtp and hve submit mail.")
    graph: GraphOptions = Field(default=GraphOptions(), description="For transport graph.")
    connector: ConnectorOptions = Field(default=ConnectorOptions(), description="For transport connector.")
    pipelining: bool = Field(
        default=True, description="Send MAIL, RCPT and DATA in one go where the server offers PIPELINING."
    )
    chunking: bool = Field(default=True, description="Send the body with BDAT where the server offers CHUNKING.")
    messages_per_session: Positive = Field(
        default=20, description="Messages sent over one connection before a new one is opened."
    )
    session_s: Seconds = Field(default=300, description="Seconds after which a connection takes no further message.")
    idle_s: Seconds = Field(default=60, description="Seconds a connection is kept open with nothing to send.")

    @field_validator("senders")
    @classmethod
    def _senders_can_match(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        return can_match(patterns)


class MailboxLimits(Section):
    """How much one mailbox sends for all its profiles; under mailboxes, what is not set follows limits."""

    sessions: int = Field(
        default=2, ge=1, le=3, description="Connections at the same time; Exchange refuses more than 3."
    )
    messages_per_minute: int = Field(
        default=28, ge=0, description="Messages per minute, evenly spaced; Exchange allows 30. 0: no limit."
    )
    recipients_per_day: int = Field(
        default=10_000,
        ge=0,
        description="Recipients within any 24 hours, restarts included; Exchange allows 10000. 0: no limit.",
    )
    recipients_per_message: int = Field(
        default=500,
        ge=1,
        le=1000,
        description="Recipients of one submission; a message with more leaves in several. Exchange allows 500 unless "
        "the mailbox has another RecipientLimits.",
    )


class Delivery(Section):
    """When to try, try again and give up."""

    retry_s: tuple[Delay, ...] = Field(
        default=(30, 60, 120, 300, 600, 900, 1800, 3600),
        min_length=1,
        description="Seconds between attempts, from the first on: the older a message, the further on in the list. The "
        "last one repeats.",
    )
    expire_after_s: Patience = Field(default=432_000, description="Seconds after which a message is given up.")
    uncertain: Uncertain = Field(
        default=Uncertain.RETRY,
        description="A message whose final answer was lost: retry (may arrive twice), hold (waits for the operator).",
    )
    recheck_s: Delay = Field(default=300, description="Seconds after which a paused profile is tried again.")
    connect_timeout_s: Patience = Field(default=30, description="Seconds to wait for a connection and its encryption.")
    reply_timeout_s: Patience = Field(default=300, description="Seconds to wait for one answer of the server.")
    large_bytes: Positive = Field(
        default=10_485_760,
        description="Messages above this many bytes never take the last connection of a mailbox that has several, so "
        "that small ones do not wait behind them.",
    )
    stop_deadline_s: Seconds = Field(default=20, description="Seconds a stopping relay gives to what it has in hand.")
