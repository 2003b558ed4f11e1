"""The options of the side that faces Microsoft: apps, sender profiles, limits, attempts.

Parts of `relay.config.settings`, which is where others import them from.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path  # noqa: TC003  (pydantic needs it at run time)
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from relay.config.clouds import HOSTS, Cloud
from relay.config.secret import SecretRef  # noqa: TC001  (pydantic needs it at run time)
from relay.config.section import Mail, Patience, Positive, Seconds, Section, Text, can_match


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
        description="The Microsoft cloud of the tenant: worldwide (GCC too), us-gov-gcc-high, us-gov-dod or china.",
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
    mailbox: Mail = Field(description="The Exchange mailbox that signs in and sends.", examples=["scanner@contoso.com"])
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
        default=28, ge=0, description="Messages per minute; Exchange allows 30. 0: no limit."
    )


class Delivery(Section):
    """When to try, try again and give up."""

    retry_s: tuple[Patience, ...] = Field(
        default=(30, 60, 120, 300, 600, 900, 1800, 3600),
        min_length=1,
        description="Seconds to wait after the first, second, … failed attempt; the last one repeats.",
    )
    expire_after_s: Patience = Field(default=432_000, description="Seconds after which a message is given up.")
    uncertain: Uncertain = Field(
        default=Uncertain.RETRY,
        description="A message whose final answer was lost: retry (may arrive twice), hold (waits for the operator).",
    )
    recheck_s: Patience = Field(default=300, description="Seconds after which a paused profile is tried again.")
    connect_timeout_s: Patience = Field(default=30, description="Seconds to wait for a connection and its encryption.")
    reply_timeout_s: Patience = Field(default=300, description="Seconds to wait for one answer of the server.")
    stop_deadline_s: Seconds = Field(default=20, description="Seconds a stopping relay gives to what it has in hand.")
