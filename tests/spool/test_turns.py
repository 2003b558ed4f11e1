"""Whose turn it is: interactive before bulk, devices by turns, large mail leaves room; and what a claim costs."""

from __future__ import annotations

import pytest

from relay.policy.precedence import BULK_LARGE, INTERACTIVE, INTERACTIVE_LARGE
from relay.spool.queries import SQL
from relay.spool.store import State
from tests.spool.clockwork import DAY, HOUR, MINUTE, Clockwork


def test_a_device_with_many_messages_delays_no_other() -> None:
    """Five hundred before one: it is the second to leave, and after it the turns go on."""
    work = Clockwork()
    flood = [work.put("flood") for _ in range(500)]
    work.now += MINUTE
    one, other = work.put("fax"), work.put("copier")

    assert [work.sent() for _ in range(5)] == [flood[0], one, other, flood[1], flood[2]]


def test_a_device_that_just_had_its_turn_waits_for_the_others() -> None:
    """Whoever was served longest ago goes first, whatever its mail's due time."""
    work = Clockwork()
    first = [work.put("a"), work.put("a")]
    second = [work.put("b"), work.put("b")]

    assert [work.sent() for _ in range(4)] == [first[0], second[0], first[1], second[1]]


def test_within_a_device_the_message_due_first_goes_first() -> None:
    """Not the one that came first: it was put off."""
    work = Clockwork()
    early, late = work.put(), work.put()
    work.settle(work.take(), State.QUEUED, due_at=work.now + MINUTE)

    assert work.sent() == late
    assert work.rest() == MINUTE
    work.now += MINUTE
    assert work.sent() == early


def test_who_waits_for_an_answer_goes_before_all_bulk_mail() -> None:
    """In the same mailbox, from whichever device."""
    work = Clockwork()
    for n in range(100):
        work.put(f"device {n % 7}")
    panel = work.put("device 3", precedence=INTERACTIVE)
    scan = work.put("device 4", precedence=INTERACTIVE_LARGE)

    assert {work.sent(), work.sent()} == {panel, scan}


def test_who_has_waited_for_longer_than_any_device_does_takes_turns() -> None:
    """What an outage left of a device that waits for answers delays no other device."""
    work = Clockwork()
    flood = [work.put("panel", precedence=INTERACTIVE) for _ in range(3)]
    work.now += 6 * MINUTE
    bulk = [work.put("fax") for _ in range(2)]
    fresh = work.put("copier", precedence=INTERACTIVE)

    assert [work.sent() for _ in range(5)] == [fresh, flood[0], bulk[0], flood[1], bulk[1]]


def test_a_large_message_leaves_the_last_connection_to_the_small_ones() -> None:
    """Two connections: the second large one waits for the first, a small one does not."""
    work = Clockwork()
    large = [work.put("a", precedence=BULK_LARGE), work.put("b", precedence=BULK_LARGE)]
    under_way = work.take()
    assert under_way.parcel.id == large[0]
    assert work.rest(owner="two") is None
    small = work.put("c")

    assert work.sent(owner="two") == small
    work.settle(under_way)
    assert work.sent() == large[1]


def test_a_large_message_that_has_left_no_longer_counts() -> None:
    """The connection that carried it has nothing to do: another one may take the next."""
    work = Clockwork()
    work.put(precedence=BULK_LARGE)
    work.settle(work.take())
    assert work.rest() is None
    large = work.put(precedence=BULK_LARGE)

    assert work.sent(owner="two") == large


def test_a_large_message_that_has_left_no_longer_counts_where_connections_became_fewer() -> None:
    """It went over the third; two are left, and its worker has nothing to do."""
    work = Clockwork(sessions=3)
    for device in "abc":
        work.put(device)
    one, two = work.take(owner="one"), work.take(owner="two")
    large = work.put("a", precedence=BULK_LARGE)
    work.settle(work.take(owner="three"))
    assert work.sent(owner="three") == large
    work.settle(one)
    work.settle(two)
    work.connection.execute(SQL.free_slot, {"owner": "one"})
    assert work.rest(owner="three", sessions=2) is None
    large = work.put("b", precedence=BULK_LARGE)

    assert work.sent(owner="two", sessions=2) == large


def test_a_large_message_goes_over_the_only_connection() -> None:
    """And never starves: bulk mail of its device and others goes around it, turn by turn."""
    work = Clockwork(sessions=1)
    large = work.put("a", precedence=BULK_LARGE)
    for device in "abcabc":
        work.put(device)

    assert large in [work.sent() for _ in range(4)]


def test_three_connections_carry_two_large_messages() -> None:
    """One is left."""
    work = Clockwork(sessions=3)
    for device in "abc":
        work.put(device, precedence=BULK_LARGE)
    work.take(owner="one")
    work.take(owner="two")

    assert work.rest(owner="three") is None


def test_a_profile_that_is_paused_delays_no_other() -> None:
    """Its mail is not looked at; the others' leaves."""
    work = Clockwork(profiles=("erp",))
    for _ in range(10):
        work.put("a", profile="scans", precedence=INTERACTIVE)
    booking = work.put("b", profile="erp")

    assert work.sent() == booking
    assert work.rest() is None


def test_profiles_of_a_mailbox_share_its_turns() -> None:
    """By device, not by profile."""
    work = Clockwork(profiles=("erp", "scans"))
    scans = [work.put("a", profile="scans") for _ in range(3)]
    booking = work.put("b", profile="erp")

    assert [work.sent() for _ in range(3)] == [scans[0], booking, scans[1]]


def test_a_clock_set_back_does_not_end_the_turns() -> None:
    """They are counted, not timed."""
    work = Clockwork()
    work.put("a")
    work.put("b")
    work.sent()
    work.sent()
    work.now -= 3 * DAY
    mail = {device: [work.put(device) for _ in range(2)] for device in "ab"}

    assert [work.sent() for _ in range(4)] == [mail["a"][0], mail["b"][0], mail["a"][1], mail["b"][1]]


def test_mail_dated_by_a_clock_that_ran_ahead_is_due() -> None:
    """Not for the length of a day and a fifth, as a rule may ask for; beyond that."""
    work = Clockwork()
    name = work.put()
    work.settle(work.take(), State.QUEUED, due_at=work.now + 29 * HOUR)
    assert work.rest() == 29 * HOUR
    work.now -= 2 * HOUR

    assert work.sent() == name


# -- the cost


def steps_of_a_claim(messages: int) -> int:
    """Steps of SQLite's virtual machine for one claim and its settlement, with so many messages before it."""
    work = Clockwork(messages_per_minute=28, recipients_per_day=10_000)
    work.flood(messages)
    work.sent()
    work.now += MINUTE
    steps = 0

    def counted() -> int:
        nonlocal steps
        steps += 1
        return 0

    work.connection.set_progress_handler(counted, 1)
    work.sent()
    return steps


def test_a_claim_costs_the_same_with_a_hundred_times_the_queue() -> None:
    """Counted in steps of the database, so that no machine's mood decides."""
    few, many = steps_of_a_claim(1_000), steps_of_a_claim(100_000)

    assert many <= few * 1.05


def test_whose_turn_it_is_is_found_by_index_seeks() -> None:
    """No step of the plan reads the messages one by one."""
    plan = Clockwork().connection.execute(f"EXPLAIN QUERY PLAN {SQL.heads}", {"profile": ""}).fetchall()
    about_messages = [row[3] for row in plan if row[3].split()[1:2] in (["message"], ["m"])]

    assert len(about_messages) == 4
    assert all(step.startswith("SEARCH") for step in about_messages)
    assert "SEARCH message USING INDEX message_due (profile=? AND precedence=? AND device>?)" in about_messages


@pytest.mark.parametrize("devices", [1, 40])
def test_every_device_is_found(devices: int) -> None:
    """The walk over the heads leaves none out, whatever their precedence."""
    work = Clockwork()
    names = {work.put(f"device {n}", precedence=n % 4) for n in range(devices) for _ in range(2)}

    assert {work.sent() for _ in range(2 * devices)} == names
    assert work.rest() is None
