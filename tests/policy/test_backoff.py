"""Retries come at the steps of the schedule, spread by a fifth, and end with the message's age."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.policy.backoff import delay_s, expired

STEPS = (30, 120, 600)
chances = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(("attempt", "expected"), [(1, 30), (2, 120), (3, 600), (4, 600), (5000, 600)])
def test_each_attempt_has_its_step_and_the_last_repeats(attempt: int, expected: float) -> None:
    """With the chance in the middle, the delay is the step itself."""
    assert expected == pytest.approx(delay_s(attempt, schedule=STEPS, chance=0.5))


@given(st.integers(1, 10**6), chances)
def test_jitter_stays_within_a_fifth(attempt: int, chance: float) -> None:
    """Whatever the chance, no delay leaves the step by more than 20 %."""
    step = STEPS[min(attempt, 3) - 1]

    assert step * 0.8 - 1e-9 <= delay_s(attempt, schedule=STEPS, chance=chance) <= step * 1.2


def test_jitter_reaches_both_sides() -> None:
    """Two messages with different chances do not come back together."""
    assert delay_s(1, schedule=STEPS, chance=0) == pytest.approx(24)
    assert delay_s(1, schedule=STEPS, chance=0.999999) == pytest.approx(36, rel=1e-4)


@pytest.mark.parametrize(("attempt", "schedule", "chance"), [(1, (), 0.5), (0, STEPS, 0.5), (1, STEPS, 1.0)])
def test_what_makes_no_sense_is_said(attempt: int, schedule: tuple[float, ...], chance: float) -> None:
    """An empty schedule, attempt 0 and a chance of 1 are mistakes of the caller."""
    with pytest.raises(ValueError):
        delay_s(attempt, schedule=schedule, chance=chance)


@pytest.mark.parametrize(("age", "gone"), [(-5, False), (0, False), (99.9, False), (100, True), (101, True)])
def test_a_message_expires_at_its_age(age: float, gone: bool) -> None:
    """Expiry begins exactly at the age that the setting names; a clock set back does not bring it on."""
    assert gone is expired(age, expire_after_s=100)


def test_a_clock_set_back_never_expires_mail() -> None:
    """Even with no patience at all, a message from the future is kept."""
    assert not expired(-1, expire_after_s=-10)
