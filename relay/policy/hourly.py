"""How many messages a device may hand in within any 60 minutes.

Counted in memory and exact: no 60 minutes, wherever they begin, hold more than the limit. A restart begins anew, so
that a device is never locked out by a count that nobody remembers. The clock comes in as an argument.
"""

from __future__ import annotations

from collections import deque

_HOUR_S = 3600.0


class Hourly:
    """The messages of the last hour, by device."""

    def __init__(self) -> None:
        self._taken: dict[str, deque[float]] = {}

    def wait_s(self, device: str, limit: int | None, now: float) -> float:
        """Seconds until the device may hand in its next message; 0: now."""
        if limit is None:
            return 0.0
        taken = self._taken.get(device, deque())
        while taken and taken[0] <= now - _HOUR_S:
            taken.popleft()
        # A limit that a reload lowered: the message that has to leave the hour first is further back.
        return taken[-limit] + _HOUR_S - now if len(taken) >= limit else 0.0

    def take(self, device: str, limit: int | None, now: float) -> float:
        """As `wait_s`, and counts one message when it is 0."""
        wait = self.wait_s(device, limit, now)
        if limit is not None and not wait:
            self._taken.setdefault(device, deque()).append(now)
        return wait

    def give_back(self, device: str) -> None:
        """The message that was counted last was not stored after all."""
        if taken := self._taken.get(device):
            taken.pop()
