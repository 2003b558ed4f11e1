"""The meter keeps Exchange's messages per minute in every window, and never stands still."""

from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.policy.quota import Grant, burst_of, gcra

limits = st.integers(1, 120)
gaps = st.lists(st.one_of(st.integers(0, 50), st.integers(0, 5_000), st.integers(0, 90_000)), max_size=400)


def starts(gaps: list[int], per_minute: int, burst: int) -> list[int]:
    """The times at which messages started, when someone asked after each of these gaps."""
    tat, now, granted = 0, 1_000_000, []
    for gap in gaps:
        now += gap
        grant = gcra(tat, now, per_minute=per_minute, burst=burst)
        if grant.granted:
            tat = grant.tat_ms
            granted.append(now)
    return granted


def busiest_minute(times: list[int]) -> int:
    """The most starts that any 60 seconds, both ends included, hold."""
    return max((bisect_left(times, start + 60_001) - i for i, start in enumerate(times)), default=0)


@given(gaps, limits, st.integers(-3, 200))
def test_no_minute_ever_holds_more_than_the_limit(gaps: list[int], per_minute: int, burst: int) -> None:
    """Whoever asks whenever: the busiest 60 seconds stay within the limit, whatever the burst."""
    assert busiest_minute(starts(gaps, per_minute, burst)) <= per_minute


@pytest.mark.parametrize("per_minute", [1, 2, 3, 7, 28, 30, 59, 100])
def test_asking_without_pause_keeps_the_limit(per_minute: int) -> None:
    """The greediest caller, every 7 ms for five minutes, stays within the limit and is not starved either."""
    times = starts([7] * (300_000 // 7), per_minute, burst_of(per_minute))

    assert busiest_minute(times) <= per_minute
    assert len(times) >= 5 * max(0.95, (per_minute - burst_of(per_minute)) * 0.95)


def test_the_minute_includes_both_its_ends() -> None:
    """With one message a minute, the next may start after sixty seconds, not at them: Exchange may count both."""
    tat = gcra(0, 1_000, per_minute=1, burst=1).tat_ms

    assert not gcra(tat, 61_000, per_minute=1, burst=1).granted
    assert gcra(tat, 61_001, per_minute=1, burst=1).granted


@given(limits, st.integers(0, 10**13), st.integers(0, 10**13))
def test_waiting_as_told_is_enough(per_minute: int, tat: int, now: int) -> None:
    """After `wait_ms` the answer is yes, from any state, also one that a jumping clock left behind."""
    burst = burst_of(per_minute)
    first = gcra(tat, now, per_minute=per_minute, burst=burst)

    assert first.granted or gcra(tat, now + first.wait_ms, per_minute=per_minute, burst=burst).granted
    assert first.wait_ms <= 60_001


def test_a_quiet_mailbox_may_send_its_burst_at_once() -> None:
    """Nine of thirty go in the same millisecond; the tenth is told how long to wait."""
    tat = 0
    for _ in range(9):
        grant = gcra(tat, 5_000_000, per_minute=30, burst=9)
        assert grant.granted
        tat = grant.tat_ms

    assert Grant(False, tat, 2858) == gcra(tat, 5_000_000, per_minute=30, burst=9)


def test_a_clock_set_back_does_not_stop_the_mailbox() -> None:
    """An hour back costs no hour of waiting: one start at once, then the usual pace."""
    grant = gcra(10_000_000, 6_400_000, per_minute=30, burst=9)
    after = gcra(grant.tat_ms, 6_400_000, per_minute=30, burst=9)

    assert grant.granted
    assert (after.granted, after.wait_ms) == (False, 2858)


def test_no_limit_always_grants_and_keeps_its_state() -> None:
    """Zero messages per minute in the settings means that nobody counts."""
    assert Grant(True, 77, 0) == gcra(77, 5, per_minute=0, burst=1)


def test_a_negative_limit_is_a_mistake() -> None:
    """The settings refuse it before; if it comes here it is said."""
    with pytest.raises(ValueError, match="no limit"):
        gcra(0, 0, per_minute=-1, burst=1)


@pytest.mark.parametrize(("per_minute", "burst"), [(1, 1), (3, 1), (10, 3), (28, 8), (30, 9)])
def test_the_default_burst_is_about_a_third(per_minute: int, burst: int) -> None:
    """Thirty percent, and never none."""
    assert burst == burst_of(per_minute)
