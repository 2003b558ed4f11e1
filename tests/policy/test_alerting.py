"""When notifications are due, without clock, disk or channel."""

from __future__ import annotations

import pytest

from relay.config.telling import Alert
from relay.policy.alerting import Phase, Told, Trouble, Word, due, is_low, is_old, is_spent, title
from relay.policy.room import Room

KEY = (Alert.PROFILE_PAUSED, "scans")
PAUSED = Trouble("Profile scans is paused", "secret expired")
DAY = 86_400.0


def test_a_trouble_is_told_once_and_again_when_it_lasts() -> None:
    """At once; then not before the time is over; then with since when."""
    words, told = due({}, {KEY: PAUSED}, (), 1000, DAY)
    assert words == [Word(*KEY, Phase.BEGUN, 1000, PAUSED)]
    assert due(told, {KEY: PAUSED}, (), 1000 + DAY - 1, DAY) == ([], told)
    words, told = due(told, {KEY: PAUSED}, (), 1000 + DAY, DAY)
    assert words == [Word(*KEY, Phase.LASTING, 1000, PAUSED)]
    assert told == {KEY: Told(1000, 1000 + DAY)}


def test_its_end_is_told_and_what_nobody_knows_is_not() -> None:
    """A look that failed ends nothing; one that found it well does, and the next trouble is a new one."""
    _, told = due({}, {KEY: PAUSED}, (), 1000, DAY)
    assert due(told, {}, (), 2000, DAY) == ([], told)
    assert due(told, {}, {KEY}, 3000, DAY) == ([Word(*KEY, Phase.OVER, 1000)], {})
    assert due({}, {}, {KEY}, 3000, DAY) == ([], {})


def test_what_nobody_hears_of_any_more_is_forgotten() -> None:
    """A profile that was taken out of the configuration while it was paused."""
    _, told = due({}, {KEY: PAUSED}, (), 1000, DAY)
    assert due(told, {}, (), 1000 + 2 * DAY, DAY) == ([], {})


def test_a_trouble_that_grows_is_told_at_once() -> None:
    """A nearer threshold, or none left; one that shrinks is not."""
    _, told = due({}, {KEY: Trouble("14 days", grade=14)}, (), 1000, DAY)
    words, told = due(told, {KEY: Trouble("7 days", grade=7)}, (), 1001, DAY)
    assert [word.phase for word in words] == [Phase.LASTING]
    assert due(told, {KEY: Trouble("14 days", grade=14)}, (), 1002, DAY)[0] == []


def test_a_clock_that_went_back_silences_nothing() -> None:
    """What was told in a time to come counts as long ago."""
    words, _ = due({KEY: Told(5000, 5000)}, {KEY: PAUSED}, (), 1000, DAY)
    assert [word.phase for word in words] == [Phase.LASTING]


def test_starts_are_told_each_but_not_in_a_storm() -> None:
    """A relay that falls every two seconds says it once a minute."""
    key = (Alert.RELAY_STARTED, "")
    _, told = due({}, {key: Trouble("started")}, (), 1000, DAY)
    assert due(told, {key: Trouble("started")}, (), 1002, DAY)[0] == []
    words, told = due(told, {key: Trouble("started")}, (), 1060, DAY)
    assert words == [Word(*key, Phase.BEGUN, 1060, Trouble("started"))]  # never "Still: started, since …"
    assert told == {key: Told(1060, 1060)}


@pytest.mark.parametrize(("alert", "says"), [
    (Alert.PROFILE_PAUSED, "Profile scans sends mail again"), (Alert.QUEUE_OLD, "No mail waits too long any more"),
    (Alert.DISK_LOW, "There is enough room for mail again"), (Alert.BUDGET_LOW, "Mailbox scans has enough recipients"),
    (Alert.CREDENTIAL_EXPIRING, "Credential scans was renewed"),
])  # fmt: skip
def test_a_title_says_what_it_is(alert: Alert, says: str) -> None:
    """At its beginning, while it lasts, at its end."""
    assert title(Word(alert, "scans", Phase.BEGUN, 0, PAUSED)) == "Profile scans is paused"
    assert title(Word(alert, "scans", Phase.LASTING, 0, PAUSED)) == "Still: Profile scans is paused"
    assert title(Word(alert, "scans", Phase.OVER, 0)).startswith(says)


def test_each_mark_has_a_band() -> None:
    """What was told is over only when it is well clear of the mark."""
    assert [is_old(age, 100, before=False) for age in (100, 101)] == [False, True]
    assert [is_old(age, 100, before=True) for age in (50, 51)] == [False, True]
    assert [is_spent(left, 1000, 10, before=False) for left in (101, 100)] == [False, True]
    assert [is_spent(left, 1000, 10, before=True) for left in (151, 150)] == [False, True]
    assert not is_spent(0, 0, 10, before=False)
    assert [is_low(Room(free, 100, 0, 0), before=False) for free in (200, 199)] == [False, True]
    assert [is_low(Room(free, 100, 0, 0), before=True) for free in (220, 219)] == [False, True]
    assert [is_low(Room(1000, 100, used, 100), before=False) for used in (90, 91)] == [False, True]
    assert is_low(Room(1000, 0, 0, 0, refusing="replaced"), before=False)
