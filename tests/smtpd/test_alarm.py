"""The timer of a connection: it rings when its time is over, however often that was put off, and holds nobody."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, cast

import pytest

from relay.smtpd.alarm import Alarm

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class Handle:
    """A timer of the loop."""

    def __init__(self, at: float, call: Callable[[], None]) -> None:
        self.at, self.call, self.cancelled = at, call, False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """An event loop whose clock is turned by hand."""

    def __init__(self) -> None:
        self.timers: list[Handle] = []

    def call_at(self, at: float, call: Callable[[], None]) -> Handle:
        self.timers.append(Handle(at, call))
        return self.timers[-1]

    def run_until(self, now: float) -> None:
        while due := [timer for timer in self.timers if timer.at <= now and not timer.cancelled]:
            self.timers.remove(due[0])
            due[0].call()


class Bell:
    """An alarm and when it rang."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.rung = 0
        self.alarm = Alarm(cast("asyncio.AbstractEventLoop", self.loop), self.ring)

    def ring(self) -> None:
        self.rung += 1


@pytest.mark.parametrize(
    ("set_at", "silent", "rings"),
    [
        ([(0, 10)], 9, 10),
        ([(0, 10), (5, 10), (9, 10)], 18, 19),
        ([(0, 100), (1, 10)], 10, 11),
        ([(0, 10), (1, 100), (2, 50)], 51, 52),
    ],
)
def test_it_rings_once_and_at_the_time_last_set(set_at: list[tuple[int, int]], silent: int, rings: int) -> None:
    """Put off or brought forward."""
    bell = Bell()
    for now, seconds in set_at:
        bell.alarm.set(seconds, now)
    bell.loop.run_until(silent)
    assert bell.rung == 0
    bell.loop.run_until(rings)
    bell.loop.run_until(1000)
    assert bell.rung == 1


def test_to_put_it_off_takes_no_timer_of_the_loop() -> None:
    """A hundred commands, one timer."""
    bell = Bell()
    for now in range(100):
        bell.alarm.set(300, now)
    assert len(bell.loop.timers) == 1


def test_an_alarm_at_rest_is_silent_until_it_is_set_again() -> None:
    """While the disk takes its time."""
    bell = Bell()
    bell.alarm.set(10, 0)
    bell.alarm.rest()
    bell.loop.run_until(50)
    assert (bell.rung, bell.alarm.running) == (0, False)
    bell.alarm.set(10, 50)
    bell.loop.run_until(60)
    assert bell.rung == 1


def test_a_stopped_alarm_never_rings_and_holds_nobody() -> None:
    """Not even when it is set once more; who waited for it is gone at once."""
    gc.disable()
    try:
        bell = Bell()
        bell.alarm.set(10, 0)
        bell.alarm.stop()
        bell.alarm.set(10, 5)
        assert not bell.alarm.running
        assert all(timer.cancelled for timer in bell.loop.timers)
        gone = weakref.ref(bell)
        del bell
        assert gone() is None
    finally:
        gc.enable()
