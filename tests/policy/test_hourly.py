"""So many messages in any 60 minutes, and not one more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.policy.hourly import Hourly

HOUR = 3600.0


def test_the_message_after_the_last_waits_until_the_first_is_an_hour_old() -> None:
    """Exactly that long, and no message is counted by asking."""
    hours = Hourly()
    assert [hours.take("copier", 2, now) for now in (0.0, 600.0)] == [0, 0]
    assert hours.take("copier", 2, 1000.0) == HOUR - 1000
    assert hours.wait_s("copier", 2, HOUR - 1) == 1
    assert hours.wait_s("copier", 2, HOUR) == 0
    assert hours.take("copier", 2, HOUR) == 0
    assert hours.take("copier", 2, HOUR) == 600


def test_devices_do_not_count_for_each_other() -> None:
    """A busy scanner silences nobody else, and one without limit not even itself."""
    hours = Hourly()
    assert hours.take("copier", 1, 0) == 0
    assert hours.take("fax", 1, 0) == 0
    assert [hours.take("erp", None, 0) for _ in range(1000)] == [0] * 1000


def test_a_message_that_was_not_stored_does_not_count() -> None:
    """The disk was full: the device may come again."""
    hours = Hourly()
    hours.take("copier", 1, 0)
    hours.give_back("copier")
    assert hours.take("copier", 1, 1) == 0
    hours.give_back("nobody")


def test_a_limit_that_was_lowered_counts_at_once() -> None:
    """After a reload, with more in the hour than is allowed now."""
    hours = Hourly()
    for now in range(5):
        hours.take("copier", 5, float(now))
    assert hours.wait_s("copier", 2, 10.0) == HOUR + 3 - 10


@given(st.lists(st.floats(0, 3 * HOUR), max_size=60), st.integers(1, 5))
def test_no_hour_holds_more_than_the_limit(times: list[float], limit: int) -> None:
    """Wherever it begins."""
    hours = Hourly()
    taken = [now for now in sorted(times) if not hours.take("copier", limit, now)]
    assert all(later - earlier >= HOUR for earlier, later in zip(taken, taken[limit:], strict=False))
