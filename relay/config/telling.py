"""The options of telling people: notices by mail, notifications by other channels, the log.

Parts of `relay.config.settings`, which is where others import them from.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from relay.config.secret import SecretRef  # noqa: TC001  (pydantic needs it at run time)
from relay.config.section import Mail, Patience, Seconds, Section, Text


class Told(StrEnum):
    """Who gets a notice."""

    SENDER = "sender"
    OWNER = "owner"
    ADMIN = "admin"


class Notices(Section):
    """Mail that the relay itself writes (RFC 3464) when a message could not be delivered, or is late."""

    failed: tuple[Told, ...] = Field(
        default=(Told.SENDER, Told.OWNER),
        description="Who hears that a message was given up: sender (the person who scanned, never a device's own "
        "address), owner (of the device), admin.",
    )
    delayed: tuple[Told, ...] = Field(
        default=(Told.SENDER,), description="Who hears that a message is late: sender, owner, admin; [] for nobody."
    )
    admin: Mail | None = Field(
        default=None,
        description="The administrator's address; also told where nobody else can be.",
        examples=["it@contoso.com"],
    )
    delayed_after_s: Patience = Field(default=14_400, description="Seconds after which a message is late; told once.")
    collect_s: Seconds = Field(
        default=60,
        description="Seconds in which failures of one cause are gathered into one notice; ten times as long after it.",
    )
    never: tuple[Text, ...] = Field(
        default=(),
        description="Addresses that never get a notice, beside the mailboxes, and names such as noreply and scanner; * "
        "stands for any characters.",
        examples=[["*@print.contoso.com"]],
    )


class Alert(StrEnum):
    """What a notification can be about."""

    PROFILE_PAUSED = "profile_paused"
    CREDENTIAL_EXPIRING = "credential_expiring"
    QUEUE_OLD = "queue_old"
    DISK_LOW = "disk_low"
    BUDGET_LOW = "budget_low"
    MAIL_FAILED = "mail_failed"
    RELAY_STARTED = "relay_started"
    RELAY_STOPPED = "relay_stopped"


class Channel(Section):
    """One place notifications go to."""

    url: SecretRef = Field(
        description="Where the address of the channel is kept, as Apprise writes it: json://host/path (webhook), "
        "msteams://…, slack://…, ntfy://…, mailto://… (it must not pass through this relay).",
        examples=[{"file": "/etc/relay/teams.url"}],
    )
    about: tuple[Alert, ...] = Field(
        default=tuple(alert for alert in Alert if alert not in (Alert.RELAY_STARTED, Alert.RELAY_STOPPED)),
        min_length=1,
        description="What it hears of: profile_paused, credential_expiring, queue_old, disk_low, budget_low, "
        "mail_failed, relay_started, relay_stopped.",
    )


class Notifications(Section):
    """Messages that don't travel by the mail path: each once, once more when it is over, and again after a time."""

    channels: tuple[Channel, ...] = Field(
        default=(),
        description="Where they go; none: nobody is notified.",
        examples=[[{"url": {"file": "/etc/relay/teams.url"}, "about": ["profile_paused", "disk_low"]}]],
    )
    queue_older_than_s: Patience = Field(
        default=3600, description="Seconds the oldest waiting message may have before queue_old."
    )
    budget_left_percent: int = Field(
        default=10,
        ge=1,
        le=100,
        description="Share of a mailbox's recipients_per_day left at which budget_low is sent.",
    )
    repeat_s: Patience = Field(default=86_400, description="Seconds after which what still lasts is told again.")


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


class LogRecipients(StrEnum):
    """How recipients appear in the log."""

    HASHED = "hashed"
    PLAIN = "plain"


class Log(Section):
    """What is logged, and how."""

    format: LogFormat = Field(
        default=LogFormat.AUTO, description="auto (console on a terminal, JSON otherwise), console or json."
    )
    level: LogLevel = Field(
        default=LogLevel.INFO, description="Least severe lines to write: debug, info, warning or error."
    )
    recipients: LogRecipients = Field(
        default=LogRecipients.HASHED,
        description="Addresses of recipients: hashed (equal ones stay equal, the domain is kept), plain.",
    )
    subjects: Literal["never"] = Field(default="never", description="Subjects are never logged.")
