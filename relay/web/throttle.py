"""Who guesses passwords at the dashboard: failures count by address with name, by address, and by name alone.

A name that many addresses try is closed for all of them, but for an address it has signed in from before. What has to
be worked out for a password costs memory and a core: only a few at a time, and only a few wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from relay.policy.bruteforce import BruteForce, Patience

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_AT_ONCE = 2
_MOST_WAITING = 16
_MOST_DELAYED = 16
_BUSY_S = 5.0
_BY_ADDRESS = Patience(failures=5, block_s=60)
_BY_NAME = Patience(failures=50, block_s=60)


class TooMany(Exception):  # noqa: N818  (named for what is the case)
    """Not now; `wait_s` seconds later perhaps."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too many wrong passwords; try again in {wait_s:.0f} s")
        self.wait_s = wait_s


class Throttle:
    """One for the whole dashboard."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._doors = BruteForce()
        self._names = BruteForce()
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._waiting = self._delayed = 0

    @contextlib.asynccontextmanager
    async def turn(self, address: str, name: str) -> AsyncIterator[None]:
        """Within it a password may be looked at. Raises `TooMany`."""
        self._check(address, name)
        if self._waiting >= _MOST_WAITING:
            raise TooMany(_BUSY_S)
        self._waiting += 1
        try:
            async with self._turn:
                self._check(address, name)  # whoever was in front may have failed for the last time
                yield
        finally:
            self._waiting -= 1

    def succeeded(self, address: str, name: str) -> None:
        """A right password."""
        self._doors.succeeded(address, name)

    async def failed(self, address: str, name: str) -> None:
        """A wrong one: returns when it is time for the answer. Raises `TooMany` when too many wait for theirs."""
        now = self._clock()
        delay_s = self._doors.failed(address, name, now, _BY_ADDRESS)
        if not self._doors.trusts(address, name):
            self._names.failed(name, "", now, _BY_NAME)
        if delay_s and self._delayed >= _MOST_DELAYED:
            raise TooMany(delay_s)
        self._delayed += 1
        try:
            await self._sleep(delay_s)
        finally:
            self._delayed -= 1

    def _check(self, address: str, name: str) -> None:
        now = self._clock()
        left_s = self._doors.blocked_s(address, name, now)
        if not self._doors.trusts(address, name):
            left_s = max(left_s, self._names.blocked_s(name, "", now))
        if left_s:
            raise TooMany(left_s)
