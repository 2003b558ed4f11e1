"""Retries come at the steps of the schedule, spread by a fifth, and end with the message's age."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.policy.backoff import delay_s, expired, rest_s

STEPS = (30, 120, 600)
chances = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("age", "expected"), [(-9, 30), (0, 30), (20, 30), (30, 120), (110, 120), (150, 600), (750, 600), (10**6, 600)]
)
def test_each_age_has_its_step_and_the_last_repeats(age: float, expected: float) -> None:
    """With the chance in the middle, the delay is the step itself; a clock set back begins anew."""
    assert expected == pytest.approx(delay_s(age, schedule=STEPS, chance=0.5))


@given(st.lists(chances, min_size=12, max_size=12))
def test_a_message_that_is_only_tried_by_the_schedule_walks_it_step_by_step(luck: list[float]) -> None:
    """Whatever the jitter: no step is left out, none is taken twice, until the last one."""
    schedule, age, taken = (30, 60, 120, 300, 600, 900, 1800, 3600), 0.0, []
    for chance in luck:
        delay = delay_s(age, schedule=schedule, chance=chance)
        taken.append(min(schedule, key=lambda step: abs(step - delay / (0.8 + 0.4 * chance))))
        age += delay
    assert tuple(taken[:8]) == schedule
    assert taken[8:] == [3600] * 4


def test_what_is_tried_in_between_does_not_move_the_schedule() -> None:
    """An operator who retries a message of ten seconds costs it nothing later."""
    assert delay_s(10, schedule=STEPS, chance=0.5) == delay_s(0, schedule=STEPS, chance=0.5)


@given(st.floats(0, 10**6), chances)
def test_jitter_stays_within_a_fifth(age: float, chance: float) -> None:
    """Whatever the chance, no delay leaves the step by more than 20 %."""
    step = delay_s(age, schedule=STEPS, chance=0.5)

    assert step * 0.8 - 1e-9 <= delay_s(age, schedule=STEPS, chance=chance) <= step * 1.2


def test_jitter_reaches_both_sides() -> None:
    """Two messages with different chances do not come back together."""
    assert delay_s(0, schedule=STEPS, chance=0) == pytest.approx(24)
    assert delay_s(0, schedule=STEPS, chance=0.999999) == pytest.approx(36, rel=1e-4)


@pytest.mark.parametrize(("failures", "expected"), [(1, 30), (2, 120), (3, 600), (4, 600), (5000, 600)])
def test_a_mailbox_rests_longer_with_each_failure_in_a_row(failures: int, expected: float) -> None:
    """By the same steps."""
    assert expected == pytest.approx(rest_s(failures, schedule=STEPS, chance=0.5))


@pytest.mark.parametrize(("failures", "schedule", "chance"), [(1, (), 0.5), (0, STEPS, 0.5), (1, STEPS, 1.0)])
def test_what_makes_no_sense_is_said(failures: int, schedule: tuple[float, ...], chance: float) -> None:
    """An empty schedule, failure 0 and a chance of 1 are mistakes of the caller."""
    with pytest.raises(ValueError):
        rest_s(failures, schedule=schedule, chance=chance)


@pytest.mark.parametrize(("age", "gone"), [(-5, False), (0, False), (99.9, False), (100, True), (101, True)])
def test_a_message_expires_at_its_age(age: float, gone: bool) -> None:
    """Expiry begins exactly at the age that the setting names; a clock set back does not bring it on."""
    assert gone is expired(age, expire_after_s=100)


def test_a_clock_set_back_never_expires_mail() -> None:
    """Even with no patience at all, a message from the future is kept."""
    assert not expired(-1, expire_after_s=-10)
