"""The time by which the relay dates what it stores: epoch milliseconds that nobody sets while it runs.

It starts as the system's clock and goes on by one that only counts (a suspended machine included). When somebody sets
the system's clock (NTP after a start without a battery, a person, a restored machine), `jumped_ms` says by how much it
went away; the spool moves its times and calls `stand_apart` in the same breath. Ages and waiting times stay what they
were: nothing expires by a clock that is put right, and nothing waits for a time that lies a jump ahead.
"""

from __future__ import annotations

import time

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_BREATH_MS = 100


def _steady_ms() -> int:
    return time.clock_gettime_ns(_STEADY) // 1_000_000


def _system_apart_ms() -> int:
    """Both clocks read in one breath: whoever stops the process in between has set no clock."""
    while True:
        before, system, after = _steady_ms(), time.time_ns() // 1_000_000, _steady_ms()
        if after - before < _BREATH_MS:
            return system - before


class _Clock:
    """The one clock of this process: how far it stands from the one that only counts."""

    apart_ms = started_ms = _system_apart_ms()


def now_ms() -> int:
    """The time now."""
    return _steady_ms() + _Clock.apart_ms


def jumped_ms() -> int:
    """How far the system's clock has been put forward from this one, or back when negative."""
    return _system_apart_ms() - _Clock.apart_ms


def apart_ms() -> int:
    """Differs between two moments by what the clock was moved in between."""
    return _Clock.apart_ms


def lead_ms(apart_ms: int) -> int:
    """How far a clock that stands so is ahead of the one of the start; 0 for one that is behind it."""
    return max(0, apart_ms - _Clock.started_ms)


def stand_apart(apart_ms: int) -> None:
    """From now on the time is that of a clock which stands so far from the one that only counts."""
    _Clock.apart_ms = apart_ms
