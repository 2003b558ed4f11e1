"""Which notifications are due: a trouble is told once, again after a time while it lasts or grows, and at its end.

Pure: what is wrong now, what is known to be well again, what was told and when, and the clock are handed in. Who is
neither wrong nor known to be well (nobody could find out) keeps its place, and nothing is said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from relay.config.telling import Alert

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from relay.policy.room import Room

Key = tuple[Alert, str]
START_AGAIN_S = 60.0
"""Starts closer together than this are told once: a relay that falls over and over says it every minute."""
_FORGET_AFTER = 2
_NEWS = (Alert.RELAY_STARTED, Alert.RELAY_STOPPED)  # each is another one: none lasts


class Phase(StrEnum):
    """Which of the words about one trouble it is."""

    BEGUN = "begun"
    LASTING = "lasting"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong: in a line, in full, and how bad (less is worse; a worse one is told at once)."""

    what: str
    detail: str = ""
    grade: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """What was said last about a trouble; times are epoch seconds."""

    since: float
    at: float
    grade: int = 0


@dataclass(frozen=True, slots=True)
class Word:
    """One notification to be sent."""

    alert: Alert
    subject: str
    phase: Phase
    since: float
    trouble: Trouble | None = None


def due(
    told: Mapping[Key, Told], troubles: Mapping[Key, Trouble], well: Collection[Key], now: float, repeat_s: float
) -> tuple[list[Word], dict[Key, Told]]:
    """The words to say now, and what has been told when they are said."""
    words, after = [], dict(told)
    for key, trouble in troubles.items():
        before = told.get(key)
        if before is None:
            words.append(Word(*key, Phase.BEGUN, now, trouble))
            after[key] = Told(now, now, trouble.grade)
        elif key[0] in _NEWS and not 0 <= now - before.at < min(START_AGAIN_S, repeat_s):
            words.append(Word(*key, Phase.BEGUN, now, trouble))
            after[key] = Told(now, now)
        elif key[0] not in _NEWS and (trouble.grade < before.grade or not 0 <= now - before.at < repeat_s):
            words.append(Word(*key, Phase.LASTING, before.since, trouble))
            after[key] = replace(before, at=now, grade=trouble.grade)
    for key in told.keys() - troubles.keys():
        if key in well:
            words.append(Word(*key, Phase.OVER, told[key].since))
        if key in well or now - told[key].at >= _FORGET_AFTER * repeat_s:
            del after[key]
    return words, after


# -- what counts as trouble: with a band each, so that nothing flaps


def is_old(oldest_s: float, limit_s: float, *, before: bool) -> bool:
    """Whether mail waits too long; once told, until the oldest is half as old."""
    return oldest_s > (limit_s / 2 if before else limit_s)


def is_low(room: Room, *, before: bool) -> bool:
    """Whether mail is refused, or soon will be: less than twice the mark is free, nine tenths of the quota are full."""
    mark, quota = (22, 8) if before else (20, 9)  # tenths
    disk = room.free_bytes * 10 < room.min_free_bytes * mark
    return bool(room.refusing) or disk or 0 < room.max_bytes * quota < room.used_bytes * 10


def is_spent(left: int, limit: int, percent: int, *, before: bool) -> bool:
    """Whether a mailbox has few recipients left of its day (limit 0: nobody counts)."""
    share = min(percent * 1.5, 100) if before else percent
    return limit > 0 and left * 100 <= limit * share


# -- in words

_OVER = {
    Alert.PROFILE_PAUSED: "Profile {subject} sends mail again",
    Alert.CREDENTIAL_EXPIRING: "Credential {subject} was renewed",
    Alert.QUEUE_OLD: "No mail waits too long any more",
    Alert.DISK_LOW: "There is enough room for mail again",
    Alert.BUDGET_LOW: "Mailbox {subject} has enough recipients left again",
}


def title(word: Word) -> str:
    """The notification in a line."""
    if word.trouble is None:
        return _OVER.get(word.alert, "Over: {subject}").format(subject=word.subject)
    return word.trouble.what if word.phase is Phase.BEGUN else f"Still: {word.trouble.what}"
