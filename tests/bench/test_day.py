"""Two hours of the simulated day: the limits are kept by Exchange's own books, nothing is lost, nothing comes twice."""

from __future__ import annotations

import pytest

from bench.day.exchange import Exchange
from bench.day.figures import books, delays, share, table
from bench.day.office import Scenario
from bench.day.plot import svg
from bench.day.run import Day, simulate

MORNING = Scenario(
    devices=30, mailboxes=4, begins=7.55, hours=2.4, outages=(("exchange", 8.6, 8.8), ("entra", 9.2, 9.3))
)


@pytest.fixture(scope="module")
def day() -> Day:
    """A morning with a batch of a thousand, both outages and a mailbox that others use too."""
    return simulate(MORNING)


def test_no_mailbox_ever_exceeds_what_exchange_allows(day: Day) -> None:
    """Sessions, minute and day are counted on the other side; every recipient got one copy."""
    found = books(day)
    assert found.kept
    assert 26 <= found.minute <= 30
    assert found.messages > 1000


def test_only_the_mailbox_that_others_use_too_is_throttled_and_it_recovers(day: Day) -> None:
    """A handful of answers, not a storm."""
    found = books(day)
    assert set(found.refused_mailboxes) <= {"scan00@contoso.test"}
    assert 1 <= found.refusals <= 8
    assert day.events[0][1] == "mailbox.slowed"


def test_a_batch_of_a_thousand_does_not_delay_who_waits_for_an_answer(day: Day) -> None:
    """Outside of the outages."""
    waited = delays(day, in_an_outage=False)
    assert share(waited["interactive"], 0.5) < 15


def test_the_same_seed_is_the_same_day(day: Day) -> None:
    """To the last figure; another seed is another one."""
    quiet = Scenario(devices=10, mailboxes=3, begins=8, hours=0.5, outages=())
    assert table(simulate(quiet)) == table(simulate(quiet))
    assert table(simulate(quiet)) != table(simulate(Scenario(2, 10, 3, 8, 0.5, outages=())))


def test_the_books_notice_what_exceeds_a_limit(day: Day) -> None:
    """Else they would prove nothing."""
    wrong = Day(MORNING, Exchange(day.exchange.clock, ()), day.accepted)
    wrong.exchange.mailboxes["a@contoso.test"].times = [float(n) for n in range(40)]
    wrong.exchange.mailboxes["a@contoso.test"].recipients = [1] * 40
    wrong.exchange.arrived = day.exchange.arrived
    assert books(wrong).minute == 40
    assert not books(wrong).kept


def test_the_day_can_be_drawn(day: Day) -> None:
    """Two panels, two outages each."""
    picture = svg(day)
    assert picture.count("<polyline") == 2
    assert picture.count(" down</text>") == 4
