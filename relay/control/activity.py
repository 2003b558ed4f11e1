"""Mail per minute of the last two hours, for the plot of the overview: a listener of the journal, in the loop's thread.

Bounded: one row a minute, and only for minutes in which something happened.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MINUTES = 120
_MINUTE_S = 60
COLUMNS = ("accepted", "delivered", "deferred", "refused", "failed")
_COLUMN_OF = {
    "message.stored": 0, "message.delivered": 1, "message.deferred": 2, "message.uncertain": 2, "client.refused": 3,
    "message.failed": 4,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Minute:
    """What happened within one minute."""

    at: Annotated[str, "when it began"]
    accepted: Annotated[int, "messages taken from devices"]
    delivered: Annotated[int, "messages delivered"]
    deferred: Annotated[int, "attempts that will be repeated"]
    refused: Annotated[int, "refusals that devices heard"]
    failed: Annotated[int, "messages given up"]


@dataclass(frozen=True, slots=True)
class Activity:
    """Mail of the last two hours, since the start at most."""

    minutes: Annotated[list[Minute], "the oldest first, each minute of the two hours; the last one is under way"]


class Minutes:
    """Counts while the process lives."""

    events = frozenset(_COLUMN_OF)

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._counts: OrderedDict[int, list[int]] = OrderedDict()

    def heard(self, event: str, _fields: Mapping[str, Any]) -> None:
        """One event of the journal."""
        column = _COLUMN_OF.get(event)
        if column is None:
            return
        minute = int(self._clock()) // _MINUTE_S
        counts = self._counts.get(minute)
        if counts is None:
            counts = self._counts[minute] = [0] * len(COLUMNS)
            while len(self._counts) > MINUTES:
                self._counts.popitem(last=False)
        counts[column] += 1

    def activity(self) -> Activity:
        """Every minute, also those in which nothing happened."""
        from relay.control.status import when  # not before somebody asks: devices are greeted sooner

        last = int(self._clock()) // _MINUTE_S
        nothing = [0] * len(COLUMNS)
        return Activity([
            Minute(when(minute * _MINUTE_S), *self._counts.get(minute, nothing))
            for minute in range(last - MINUTES + 1, last + 1)
        ])  # fmt: skip
