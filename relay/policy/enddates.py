"""Credentials end; who must be told, when, and what to do about it.

Once for each threshold: 30, 14, 7 and 1 days before, and when it is over. Who has been told already is handed in, so
that a relay that starts late says it at once, and one that runs on says it once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

DAYS = (30, 14, 7, 1)
OVER = 0


class Ending(Protocol):
    """Anything with an end, comparable and hashable; a new end makes it another one."""

    @property
    def ends(self) -> datetime: ...


E = TypeVar("E", bound=Ending)


@dataclass(frozen=True, slots=True)
class Due(Generic[E]):
    """A warning to be given: `threshold` is one of `DAYS` or `OVER`; `days_left` is below zero when it is over."""

    ending: E
    threshold: int
    days_left: int


def due(endings: Iterable[E], now: datetime, warned: Collection[tuple[E, int]]) -> list[Due[E]]:
    """The warnings that nobody has given yet, the soonest end first."""
    found = []
    for ending in sorted(set(endings), key=lambda each: each.ends):
        threshold = threshold_of(ending.ends, now)
        if threshold is not None and (ending, threshold) not in warned:
            found.append(Due(ending, threshold, days_left(ending.ends, now)))
    return found


def threshold_of(ends: datetime, now: datetime) -> int | None:
    """The nearest threshold that has been reached; None while there is time."""
    left = ends - now
    if left <= timedelta(0):
        return OVER
    return min((days for days in DAYS if left <= timedelta(days=days)), default=None)


def days_left(ends: datetime, now: datetime) -> int:
    """Whole days that are left; below zero when it is over."""
    return (ends - now) // timedelta(days=1)


def last_day(ends: datetime) -> str:
    """The day on whose evening, or in whose course, it ends."""
    return f"{ends - timedelta(microseconds=1):%Y-%m-%d}"


def in_words(days: int) -> str:
    """How long it has got, or has been over."""
    if days < 0:
        return f"ended {-days} {_days(-days)} ago" if days < -1 else "has ended"
    return "ends within a day" if days == 0 else f"ends in {days} {_days(days)}"


def remedy(*, app: str, client_id: str, kind: str, next_is_free: bool) -> str:
    """How to replace a secret or certificate without a gap."""
    what = "client secret (copy its Value)" if kind == "secret" else "certificate"
    where = f"Entra: App registrations → {client_id} → Certificates & secrets → new {what}"
    if next_is_free:
        return (
            f"{where}; name it as apps.{app}.next_credential, reload; move it to credential when the old one has ended"
        )
    return f"{where}; put it in place of the one that ends, under apps.{app}, and reload"


def _days(count: int) -> str:
    return "day" if count == 1 else "days"
