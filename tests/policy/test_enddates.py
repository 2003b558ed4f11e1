"""Who is warned of an end, when, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from relay.policy.enddates import DAYS, OVER, days_left, due, in_words, last_day, remedy, threshold_of

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@dataclass(frozen=True)
class End:
    name: str
    ends: datetime


def after(**span: float) -> datetime:
    return NOW + timedelta(**span)


@pytest.mark.parametrize(
    ("ends", "threshold"),
    [
        (after(days=31), None), (after(days=30), 30), (after(days=30, seconds=1), None), (after(days=15), 30),
        (after(days=14), 14), (after(days=8), 14), (after(days=7), 7), (after(days=2), 7), (after(days=1), 1),
        (after(seconds=1), 1), (NOW, OVER), (after(days=-400), OVER),
    ],
)  # fmt: skip
def test_the_nearest_threshold_counts(ends, threshold):
    """30, 14, 7, 1, and over; nothing before."""
    assert threshold_of(ends, NOW) == threshold


def test_each_threshold_warns_once():
    """Looked at every day until long after the end: five warnings, each with the days left at that time."""
    end, warned, told = End("secret", after(days=40)), set(), []
    for day in range(60):
        for each in due([end], after(days=day), warned):
            warned.add((each.ending, each.threshold))
            told.append((each.threshold, each.days_left))

    assert told == [(30, 30), (14, 14), (7, 7), (1, 1), (OVER, 0)]
    assert [threshold for threshold, _ in told] == [*DAYS, OVER]


def test_a_relay_that_starts_late_warns_once_and_at_once():
    """Of what it has missed only the nearest threshold counts."""
    assert [(each.threshold, each.days_left) for each in due([End("a", after(days=3))], NOW, ())] == [(7, 3)]


def test_the_soonest_comes_first_and_none_twice():
    """Two sources that tell of the same end are one."""
    late, soon = End("late", after(days=9)), End("soon", after(days=2))

    assert [each.ending.name for each in due([late, soon, late], NOW, ())] == ["soon", "late"]


def test_a_new_end_is_another_one():
    """A secret that was replaced warns anew, in its time."""
    old, new = End("secret", after(days=1)), End("secret", after(days=29))

    assert [each.threshold for each in due([new], NOW, {(old, 30), (old, 1)})] == [30]


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        (after(days=30), "ends in 30 days"), (after(days=1), "ends in 1 day"), (after(hours=3), "ends within a day"),
        (after(hours=-3), "has ended"), (after(days=-9), "ended 9 days ago"),
    ],
)  # fmt: skip
def test_it_is_said_in_words(ends, words):
    """As one would tell a person."""
    assert in_words(days_left(ends, NOW)) == words


def test_a_day_ends_at_its_midnight():
    """The last day is the one that was configured, not the one after."""
    assert last_day(datetime(2027, 6, 1, tzinfo=UTC)) == "2027-05-31"


@pytest.mark.parametrize(
    ("kind", "free", "words"),
    [
        ("secret", True, ["copy its Value", "apps.contoso.next_credential"]),
        ("secret", False, ["in place of the one that ends"]),
        ("certificate", True, ["new certificate", "apps.contoso.next_credential"]),
    ],
)
def test_the_remedy_has_no_gap(kind, free, words):
    """The new one beside the old one where there is room."""
    text = remedy(app="contoso", client_id="app-1", kind=kind, next_is_free=free)

    assert all(word in text for word in [*words, "app-1"])
