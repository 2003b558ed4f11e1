"""How many messages each mailbox was given within the last minute: a listener of the journal, bounded by the limits."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OUTCOMES = frozenset({
    "message.delivered", "message.deferred", "message.failed", "message.held", "message.uncertain",
})  # fmt: skip
_MINUTE_S = 60.0
_MOST = 10_000  # a mailbox without a limit may do more; nobody asks for its figure


class Spent:
    """An attempt counts when it ends."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ends = defaultdict[str, deque[float]](lambda: deque(maxlen=_MOST))

    def heard(self, event: str, fields: Mapping[str, Any]) -> None:
        """One event of the journal."""
        if event in OUTCOMES and fields.get("ms") is not None:  # what expires without an attempt took no time
            self._ends[str(fields["mailbox"]).lower()].append(self._clock())

    def of(self, mailbox: str) -> int:
        """Attempts of the last minute."""
        ends = self._ends.get(mailbox.lower(), deque())
        while ends and ends[0] <= self._clock() - _MINUTE_S:
            ends.popleft()
        return len(ends)
