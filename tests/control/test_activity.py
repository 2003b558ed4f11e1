"""Mail per minute, counted from the journal."""

from __future__ import annotations

from relay.control.activity import COLUMNS, MINUTES, Minute, Minutes

BEGIN = 1_800_000_000.0  # a whole minute


class Clock:
    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> float:
        return self.now


def busy(minute: Minute) -> dict[str, int]:
    """What is not zero."""
    return {name: getattr(minute, name) for name in COLUMNS if getattr(minute, name)}


def test_each_event_counts_in_its_minute_and_column() -> None:
    """What is no mail counts nowhere."""
    clock = Clock()
    minutes = Minutes(clock)
    for event in ("message.stored", "message.stored", "message.delivered", "token.fetched"):
        minutes.heard(event, {})
    clock.now += 60
    for event in ("message.deferred", "message.uncertain", "client.refused", "message.failed"):
        minutes.heard(event, {})
    *_, before, last = minutes.activity().minutes
    assert busy(before) == {"accepted": 2, "delivered": 1}
    assert busy(last) == {"deferred": 2, "refused": 1, "failed": 1}
    assert (before.at, last.at) == ("2027-01-15T08:00:00Z", "2027-01-15T08:01:00Z")


def test_two_hours_are_kept_and_no_more() -> None:
    """However long the relay runs, and when nothing happens too."""
    clock = Clock()
    minutes = Minutes(clock)
    for _ in range(3 * MINUTES):
        minutes.heard("message.stored", {})
        clock.now += 60
    assert len(minutes._counts) == MINUTES
    assert sum(minute.accepted for minute in minutes.activity().minutes) == MINUTES - 1
    clock.now += 3600 * 24
    assert [busy(minute) for minute in minutes.activity().minutes] == [{}] * MINUTES
