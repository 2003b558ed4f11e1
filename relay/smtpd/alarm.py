"""The one timer of a connection: to put it off costs a number, not a timer of the event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class Alarm:
    """Calls `ring` once the time last set is over."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring: Callable[[], None] | None = ring
        self._handle: asyncio.TimerHandle | None = None
        self._looks_at = 0.0  # when the timer of the loop fires, the alarm's own time or earlier
        self._at: float | None = None

    @property
    def running(self) -> bool:
        """Whether the event loop still has a timer of it."""
        return self._handle is not None

    def set(self, seconds: float, now: float) -> None:
        """Rings so many seconds from `now`, and not at the time set before; not at all once it was stopped."""
        if self._ring is None:
            return
        self._at = now + seconds
        if self._handle is None or self._looks_at > self._at:
            self._look_at(self._at)

    def rest(self) -> None:
        """Does not ring until it is set again."""
        self._at = None

    def stop(self) -> None:
        """For good: nothing of it stays in the loop, and it holds nobody it would have called."""
        self._at = self._ring = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _look_at(self, at: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._looks_at = at
        self._handle = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        self._handle = None
        if self._at is None or self._ring is None:
            return
        if self._at > self._looks_at:
            self._look_at(self._at)
        else:
            self._at = None
            self._ring()
