"""The meter keeps Exchange's messages per minute in every window, evenly spaced, and never stands still."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.policy.quota import Grant, gcra

limits = st.integers(1, 120)
gaps = st.lists(st.one_of(st.integers(0, 50), st.integers(0, 5_000), st.integers(0, 90_000)), max_size=400)


def starts(gaps: list[int], per_minute: int) -> list[int]:
    """The times at which messages started, when someone asked after each of these gaps."""
    tat, now, granted = 0, 1_000_000, []
    for gap in gaps:
        now += gap
        grant = gcra(tat, now, per_minute=per_minute)
        tat = grant.tat_ms
        if grant.granted:
            granted.append(now)
    return granted


def busiest_minute(times: list[int]) -> int:
    """The most starts that any 60 seconds, both ends included, hold."""
    return max((bisect_left(times, start + 60_001) - i for i, start in enumerate(times)), default=0)


@given(gaps, limits)
def test_no_minute_ever_holds_more_than_the_limit(gaps: list[int], per_minute: int) -> None:
    """Whoever asks whenever: the busiest 60 seconds stay within the limit, and no two starts are a burst."""
    times = starts(gaps, per_minute)

    assert busiest_minute(times) <= per_minute
    assert all(after - before > 60_000 // per_minute for before, after in pairwise(times))


@pytest.mark.parametrize("per_minute", [1, 2, 3, 7, 28, 30, 59, 100])
def test_asking_without_pause_keeps_the_limit(per_minute: int) -> None:
    """The greediest caller, every 7 ms for five minutes, stays within the limit and gets nearly all of it."""
    times = starts([7] * (300_000 // 7), per_minute)

    assert busiest_minute(times) <= per_minute
    assert len(times) >= 5 * per_minute * 0.95


def test_the_minute_includes_both_its_ends() -> None:
    """With one message a minute, the next may start after sixty seconds, not at them: Exchange may count both."""
    tat = gcra(0, 1_000, per_minute=1).tat_ms

    assert not gcra(tat, 61_000, per_minute=1).granted
    assert gcra(tat, 61_001, per_minute=1).granted


@given(limits, st.integers(0, 10**13), st.integers(0, 10**13))
def test_waiting_as_told_is_enough(per_minute: int, tat: int, now: int) -> None:
    """After `wait_ms` the answer is yes, from any state, also one that a jumping clock left behind."""
    first = gcra(tat, now, per_minute=per_minute)

    assert first.granted or gcra(first.tat_ms, now + first.wait_ms, per_minute=per_minute).granted
    assert first.wait_ms <= 60_001


def test_a_clock_set_back_does_not_stop_the_mailbox() -> None:
    """An hour back costs no hour of waiting: one interval, then the usual pace."""
    refused = gcra(10_000_000, 6_400_000, per_minute=30)

    assert refused == Grant(False, 6_402_001, 2001)
    assert gcra(refused.tat_ms, 6_402_001, per_minute=30).granted


def test_a_limit_that_is_raised_never_makes_two_starts_a_burst() -> None:
    """A mailbox that was slowed down to one a minute and may send thirty again waits for its interval once more."""
    slow = gcra(0, 1_000_000, per_minute=1).tat_ms

    assert gcra(slow, 1_000_001, per_minute=30) == Grant(False, 1_002_002, 2001)


def test_no_limit_always_grants_and_keeps_its_state() -> None:
    """Zero messages per minute in the settings means that nobody counts."""
    assert Grant(True, 77, 0) == gcra(77, 5, per_minute=0)


def test_a_negative_limit_is_a_mistake() -> None:
    """The settings refuse it before; if it comes here it is said."""
    with pytest.raises(ValueError, match="no limit"):
        gcra(0, 0, per_minute=-1)
