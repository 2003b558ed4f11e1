"""Virtual time: an event loop that never waits, and the clock that goes with it.

The loop moves its time to the next timer as soon as nothing else is to be done; the delivery and spool rooms read the
same time through `at_this_clock`.
"""

from __future__ import annotations

import asyncio
import importlib
import selectors
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from relay.telemetry.clock import apart_ms, stand_apart

if TYPE_CHECKING:
    from collections.abc import Iterator

_TIMED = ("relay.delivery.detours", "relay.delivery.pauses", "relay.delivery.worker", "relay.telemetry.clock")


class Clock:
    """Stands where those rooms have the module `time`."""

    def __init__(self, start: float) -> None:
        self.now = start

    def time(self) -> float:
        return self.now

    monotonic = perf_counter = time

    def time_ns(self) -> int:
        return round(self.now * 1000) * 1_000_000

    def clock_gettime_ns(self, _which: int) -> int:
        return self.time_ns()


class _Selector(selectors.SelectSelector):
    """Nothing ever comes from outside: where others would wait, time passes."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("nothing will ever happen again in this day")
        self._clock.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop by that clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(_Selector(clock))
        self._virtual = clock
        self._clock_resolution = 1e-5  # a time of this size has no more digits

    def time(self) -> float:
        return self._virtual.now


@contextmanager
def at_this_clock(clock: Clock) -> Iterator[None]:
    """The rooms of delivery read this clock."""
    with ExitStack() as stack:
        for name in _TIMED:
            stack.enter_context(patch.object(importlib.import_module(name), "time", clock))
        stack.callback(stand_apart, apart_ms())
        stand_apart(0)
        yield
