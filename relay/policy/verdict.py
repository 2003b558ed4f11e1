"""The values of the verdict table: what a verdict says, what it is filled with, and how a row of the table looks."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.message.outcome import Scope
    from relay.message.parcel import Parcel

_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 1.0, 86_400.0
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.@_+-]*")
_QUOTES = re.compile("(['\u2018-\u201b])")  # PowerShell ends a string at the typographic ones too
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Class(StrEnum):
    """What has to happen before the mail can leave; only MESSAGE and RECIPIENT ever fail mail."""

    TRANSIENT = "transient"
    THROTTLE = "throttle"
    CONFIGURATION = "configuration"
    MESSAGE = "message"
    RECIPIENT = "recipient"
    HOLD = "hold"
    CORRUPT = "corrupt"

    @property
    def fails_mail(self) -> bool:
        return self in (Class.MESSAGE, Class.RECIPIENT)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the attempt; fills the remedies. An empty fact shows as its name in angle brackets.

    `account` is who signs in (the user principal name, else the mailbox), `message` the id in the spool, `recipient`
    the one who was refused. The last four are the cloud's: app-only scope, and the hosts of Entra, SMTP and Graph.
    """

    profile: str = ""
    mailbox: str = ""
    account: str = ""
    host: str = ""
    port: str = "587"
    sender: str = ""
    recipient: str = ""
    message: str = ""
    app: str = ""
    tenant: str = ""
    client_id: str = ""
    scope: str = ""
    login_host: str = ""
    smtp_host: str = ""
    graph_host: str = ""

    def about(self, parcel: Parcel) -> Facts:
        """With what this message adds: its id, its sender, and its recipient where there is only one."""
        one = parcel.recipients[0] if len(parcel.recipients) == 1 else ""
        return replace(self, message=parcel.id, sender=str(parcel.sender), recipient=str(one))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means. `wait_s` is None when the retry schedule or the recheck interval decides.

    A transient one that a message still gets after `patience_s` is a matter of configuration: such mail never expires.
    """

    rule: str
    cls: Class
    scope: Scope
    meaning: str
    remedy: str
    source: str
    wait_s: float | None
    patience_s: float | None = None

    @property
    def unknown(self) -> bool:
        """Whether no row of the table knows the answer, so that only its code class was judged."""
        return is_unknown(self.rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a table. `rule` is a stable id; `remedy` may name the fields of `Facts` in braces.

    `answer` is the wording as it was seen, for the printed reference; what matches stands in the subclasses.
    """

    rule: str
    cls: Class
    scope: Scope
    answer: str
    meaning: str
    remedy: str
    source: str
    wait_s: float | None = None
    patience_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyRow(Row):
    """A row for SMTP replies: hit by its sentence, else by its enhanced code, else by its three digits.

    `says` is a pattern looked for, without regard to case, in "code enhanced text"; `enhanced` holds codes and ranges
    ("5.7.606-649"); `stages` limits the row to some steps (none: all of them). A group `sender` in `says` replaces
    that fact, because the answer knows better who was refused.
    """

    says: str = ""
    enhanced: tuple[str, ...] = ()
    codes: tuple[int, ...] = ()
    stages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow(Row):
    """A row for Entra's answers: hit by its AADSTS numbers, else by its OAuth error words."""

    codes: tuple[int, ...] = ()
    errors: tuple[str, ...] = ()
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphRow(Row):
    """A row for Graph's answers: hit by its sentence, else by its error codes, else by the HTTP status."""

    errors: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRow(Row):
    """A row for what ended without an answer: hit by what the error says, within its stages (none: all of them)."""

    says: str = ""
    stages: tuple[str, ...] = ()


def verdict(row: Row, facts: Facts, *, scope: Scope | None = None, cls: Class | None = None) -> Verdict:
    """The row as a verdict on this attempt, its remedy filled with the facts."""
    remedy = row.remedy.format_map(_words(facts))
    return Verdict(
        row.rule, cls or row.cls, scope or row.scope, row.meaning, remedy, row.source, row.wait_s, row.patience_s
    )


def waiting(found: Verdict, named_s: float | None) -> Verdict:
    """The verdict with the wait that the other side named (Retry-After), where waiting is what it asks for."""
    if named_s is None or found.cls not in (Class.TRANSIENT, Class.THROTTLE):
        return found
    return replace(found, wait_s=min(max(_SHORTEST_WAIT_S, named_s), _LONGEST_WAIT_S))


def is_unknown(rule: str) -> bool:
    """Whether a rule is one of those that catch what the table does not know."""
    return rule.partition(".")[2].startswith("other")


def _words(facts: Facts) -> Mapping[str, str]:
    return {field.name: _pasteable(getattr(facts, field.name)) or f"<{field.name}>" for field in fields(facts)}


def _pasteable(text: str) -> str:
    """A device chooses its sender, an administrator pastes the remedy: what is not plain becomes one quoted string."""
    text = _CONTROL.sub("", text)[:320]
    if not text or _PLAIN.fullmatch(text):
        return text
    return "'" + _QUOTES.sub(r"\1\1", text) + "'"
