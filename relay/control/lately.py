"""What the journal told lately and a probe or a page asks for: trouble in words, detours, missing sign-ins, tokens.

A listener of the journal, in the loop's thread. Equal trouble is one entry with a count, so that an outage doesn't push
everything else out; strangers at the door are no trouble.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relay.control.spent import OUTCOMES, Spent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_PROBLEMS = 50
_ANSWER = 300
_ADDRESS = re.compile(r"[^\s<>@\"',;:]+@([A-Za-z0-9.-]+)")
PROBLEMS = frozenset({
    "config.refused", "control.unavailable", "credential.changed", "credential.expiring", "credential.unknown",
    "delivery.broken", "delivery.fallback", "delivery.orphaned", "http.failed", "intake.failed", "mailbox.slowed",
    "message.corrupt", "message.deferred", "message.failed", "message.uncertain", "profile.paused", "recipient.failed",
    "relay.mistake", "session.failed", "signin.failing", "spool.broken", "spool.damaged", "spool.key_missing",
    "spool.refusing", "token.kept",
})  # fmt: skip


@dataclass(slots=True)
class Problem:
    """One kind of trouble: the last time as it was then, and how often since `first` (epoch seconds)."""

    event: str
    about: str
    what: str
    answer: str
    remedy: str
    first: float
    last: float
    times: int = 1


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a profile leaves by its fallback, or whose sign-in fails."""

    since: float
    rule: str
    meaning: str
    remedy: str
    answer: str


@dataclass(frozen=True, slots=True)
class TokenSeen:
    """The newest token of an app: when Entra gave it and when it ends (epoch seconds)."""

    at: float
    ends: float


class Lately:
    """Remembers while the process lives."""

    events = PROBLEMS | OUTCOMES | {
        "client.refused", "delivery.fallback_ended", "profile.resumed", "relay.stopping", "signin.kept",
        "token.fetched",
    }  # fmt: skip

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._problems: OrderedDict[tuple[str, str, str], Problem] = OrderedDict()
        self.detours: dict[str, Trouble] = {}
        self.sign_ins: dict[str, Trouble] = {}
        self.tokens: dict[str, TokenSeen] = {}
        self.spent = Spent(clock)
        self.stopping = False

    def heard(self, event: str, fields: Mapping[str, Any]) -> None:
        """One event of the journal."""
        self.spent.heard(event, fields)
        if event in PROBLEMS or _no_room(event, fields):
            self._note(event, fields)
        match event:
            case "delivery.fallback":
                self._keep(self.detours, fields)
            case "delivery.fallback_ended":
                self.detours.pop(str(fields["profile"]), None)
            case "signin.failing":
                self._keep(self.sign_ins, fields)
            case "message.delivered" | "profile.resumed" | "signin.kept":
                self.sign_ins.pop(str(fields["profile"]), None)
            case "relay.stopping":
                self.stopping = True
            case "token.fetched":
                now = self._clock()
                self.tokens[str(fields["app"])] = TokenSeen(now, now + float(fields["expires_in"]))

    def problems(self) -> list[Problem]:
        """The newest first."""
        return list(reversed(self._problems.values()))

    def _note(self, event: str, fields: Mapping[str, Any]) -> None:
        now = self._clock()
        about = _first(fields, "profile", "app", "mailbox", "device")
        mailbox = _first(fields, "mailbox")
        what = shown(_first(fields, "meaning", "reason") or "; ".join(fields.get("complaints") or ()), mailbox)
        key = (event, about, str(fields.get("rule") or fields.get("reply") or what))
        earlier = self._problems.pop(key, None)
        answer, remedy = (
            shown(_first(fields, "answer", "reply"), mailbox)[:_ANSWER],
            shown(_first(fields, "remedy"), mailbox),
        )
        one = Problem(event, about, what[:_ANSWER], answer, remedy, now, now)
        if earlier is not None:
            one.first, one.times = earlier.first, earlier.times + 1
        self._problems[key] = one
        if len(self._problems) > MOST_PROBLEMS:
            self._problems.popitem(last=False)

    def _keep(self, where: dict[str, Trouble], fields: Mapping[str, Any]) -> None:
        name = str(fields["profile"])
        since = where[name].since if name in where else self._clock()
        mailbox = _first(fields, "mailbox")
        words = (shown(_first(fields, field), mailbox) for field in ("rule", "meaning", "remedy", "answer"))
        where[name] = Trouble(since, *words)


def shown(text: str, mailbox: str = "") -> str:
    """A text for everybody who reaches the page: of an address only the domain is left.

    Unless it is the mailbox, which the page names anyway, and without which a remedy can't be followed.
    """
    if not mailbox:
        return _ADDRESS.sub(r"…@\1", text)
    own = rf"(?P<own>(?:mailboxes\.)?{re.escape(mailbox)}(?:\.(?:sessions|messages|recipients)_?\w*)?(?!\.?[\w-]))"
    whole = re.compile(f"{own}|{_ADDRESS.pattern}", re.IGNORECASE)
    return whole.sub(lambda found: found["own"] or f"…@{found[2]}", text)


def _no_room(event: str, fields: Mapping[str, Any]) -> bool:
    """Whether a device was turned away because there is no room for its mail, which no other event tells."""
    return event == "client.refused" and str(fields.get("reply", "")).startswith("452 4.3.1")


def _first(fields: Mapping[str, Any], *names: str) -> str:
    return next((str(fields[name]) for name in names if fields.get(name)), "")
