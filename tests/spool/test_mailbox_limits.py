"""What a mailbox may have: the minute, the day, its pace after a throttle, envelopes, and who is outside."""

from __future__ import annotations

import pytest

from relay.message.outcome import Kind
from relay.policy.external import Curb
from relay.spool import mailboxes
from relay.spool.store import Claim, RecipientResult, State
from tests.spool.clockwork import DAY, HOUR, MAILBOX, MINUTE, START, Clockwork

BUCKET = 10 * MINUTE


# -- the day


def test_a_message_with_many_recipients_leaves_in_several_envelopes() -> None:
    """At most 500 each, everybody once, one message, settled with the last."""
    work = Clockwork(recipients_per_message=500)
    name = work.put(to=1200)
    envelopes, states = [], []
    for _ in range(3):
        claim = work.take()
        assert claim.parcel.id == name
        envelopes.append(claim.parcel.recipients)
        states.append(work.settle(claim))

    assert [len(envelope) for envelope in envelopes] == [500, 500, 200]
    assert len({one for envelope in envelopes for one in envelope}) == 1200
    assert states == [State.QUEUED, State.QUEUED, State.DELIVERED]
    assert work.rest() is None


def test_an_envelope_that_failed_does_not_end_the_others() -> None:
    """They go at once, and the end tells of the failure."""
    work = Clockwork(recipients_per_message=2)
    name = work.put(to=4)
    assert work.settle(work.take(), State.FAILED) is State.QUEUED
    assert work.of(name, "settled_at") is None

    assert work.settle(work.take()) is State.FAILED
    assert work.of(name, "settled_at") == work.now


def test_recipients_who_are_always_put_off_keep_no_others_from_their_mail() -> None:
    """The first two never get theirs: with each attempt other ones have their turn."""
    work = Clockwork(recipients_per_message=2)
    work.put(to=6)
    stuck, reached = {"r0@contoso.test", "r1@contoso.test"}, set()
    for _ in range(8):
        claim = work.take()
        served = [one for one in claim.parcel.recipients if one not in stuck]
        reached.update(served)
        results = [RecipientResult(one, "delivered", "said") for one in served]
        work.settle(claim, State.QUEUED, Kind.DEFERRED, recipients=results)

    assert len(reached) == 4


def test_an_answer_makes_the_next_envelopes_smaller() -> None:
    """And it stays so for this message."""
    work = Clockwork(recipients_per_message=500)
    name = work.put(to=10)
    work.settle(work.take(), State.QUEUED, Kind.DEFERRED, split=5)
    first = work.take()
    work.settle(first)

    assert len(first.parcel.recipients) == 5
    assert first.left == 5
    assert len(work.take().parcel.recipients) == 5
    assert work.of(name, "split") == 5


def test_the_recipients_of_a_day_are_kept_and_come_back() -> None:
    """A hundred a day: what is over waits until the first have left the window, and not a moment less."""
    work = Clockwork(recipients_per_day=100)
    for _ in range(30):
        work.put(to=4)
    for _ in range(25):
        work.sent()
    wait = work.rest()
    assert wait is not None
    assert DAY < wait <= DAY + BUCKET
    work.now += wait - 1
    assert work.rest() == 1
    work.now += 1

    assert isinstance(work.claim(), Claim)


def test_a_message_takes_what_is_left_of_the_day() -> None:
    """The others of its recipients wait."""
    work = Clockwork(recipients_per_day=10)
    work.put(to=7)
    work.put(to=7)
    work.sent()
    claim = work.take()

    assert len(claim.parcel.recipients) == 3
    assert work.settle(claim) is State.QUEUED
    assert work.left(10) == 0


def test_what_exchange_did_not_accept_is_given_back() -> None:
    """Refused for now, refused for good: one of three arrived, one counts."""
    work = Clockwork()
    work.put(to=3)
    work.settle(work.take(), State.QUEUED, Kind.DEFERRED)
    assert work.left(10) == 10
    claim = work.take()
    one, two, _ = claim.parcel.recipients
    said = [RecipientResult(one, "delivered", "250"), RecipientResult(two, "failed", "550")]
    work.settle(claim, State.QUEUED, Kind.DEFERRED, recipients=said)

    assert work.left(10) == 9


def test_what_may_have_arrived_stays_counted() -> None:
    """Also what a crash has cut: nobody knows."""
    work = Clockwork()
    work.put(to=3)
    work.settle(work.take(), State.UNCERTAIN, Kind.UNCERTAIN)
    assert work.left(10) == 7
    work.take()

    assert work.left(10) == 4


def test_a_late_settlement_gives_back_to_the_stretch_it_was_taken_from() -> None:
    """Not to the one in which the answer came."""
    work = Clockwork()
    work.put(to=3)
    claim = work.take()
    work.now += 3 * BUCKET
    work.put(to=2)
    work.take()
    work.settle(claim, State.QUEUED, Kind.DEFERRED)

    assert work.left(10) == 8


def test_the_count_of_the_day_outlives_a_clock_set_back() -> None:
    """It is counted as of now: never less than the truth, and for no longer than a day."""
    work = Clockwork(recipients_per_day=10)
    work.put(to=10)
    work.put()
    work.sent()
    work.now -= 30 * DAY
    wait = work.rest()
    assert wait is not None
    assert DAY < wait <= DAY + BUCKET
    work.now += wait

    assert isinstance(work.claim(), Claim)


def test_old_stretches_are_forgotten() -> None:
    """A day of ten-minute stretches, and the one that is leaving."""
    work = Clockwork()
    for _ in range(400):
        work.put()
        work.sent()
        work.now += BUCKET
    (rows,) = work.connection.execute("SELECT count(*) FROM spent").fetchone()

    assert rows == 145


# -- the minute


def test_starts_are_evenly_spaced() -> None:
    """Thirty a minute: one every two seconds, however many connections ask."""
    work = Clockwork(messages_per_minute=30)
    for _ in range(3):
        work.put()
    work.take()
    assert work.rest(owner="two") == 2001
    work.now += 2001
    work.take(owner="two")

    assert work.rest() == 2001


# -- throttled


def throttled(work: Clockwork, rest: int = MINUTE) -> float | None:
    """The next message meets a throttle; the pace from then on."""
    claim = work.take()
    work.settle(claim, State.QUEUED, Kind.DEFERRED, due_at=work.now + rest)
    mailboxes.block(work.connection, MAILBOX, work.now + rest, work.now)
    return mailboxes.slow(work.connection, claim, work.now + rest, work.now)


def test_a_throttled_mailbox_rests_then_sends_half_as_fast_over_one_connection() -> None:
    """Before its time nothing, after it one message at a time."""
    work = Clockwork(messages_per_minute=30)
    for _ in range(5):
        work.put()
    assert throttled(work) == 0.5
    assert work.rest() == MINUTE
    work.now += MINUTE
    claim = work.take()
    crowded = work.claim(owner="two")
    assert not isinstance(crowded, Claim)
    assert crowded.crowded
    work.settle(claim)

    assert work.rest() == 4001


def test_each_throttle_halves_the_pace_down_to_a_sixteenth() -> None:
    """It never stands still."""
    work = Clockwork()
    work.put()
    paces = []
    for _ in range(6):
        paces.append(throttled(work))
        work.now += 2 * MINUTE

    assert paces == [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 16, 1 / 16]


def test_messages_that_were_under_way_together_slow_it_down_once() -> None:
    """It is one event for Exchange as well."""
    work = Clockwork()
    work.put()
    work.put()
    other = work.take(owner="two")
    assert throttled(work) == 0.5

    assert mailboxes.slow(work.connection, other, work.now + MINUTE, work.now) is None


def test_a_mailbox_recovers_by_itself() -> None:
    """A step for every five quiet minutes after its rest, until all is as it was."""
    work = Clockwork()
    work.put()
    throttled(work)
    paces = []
    for _ in range(6):
        paces.append(mailboxes.standing(work.connection, MAILBOX, work.now + MINUTE).pace)
        work.now += 5 * MINUTE

    assert paces == [0.5, 0.625, 0.75, 0.875, 1.0, 1.0]


def test_a_shorter_rest_does_not_cut_the_one_that_exchange_asked_for() -> None:
    """A lost connection of the other session is no leave to go on."""
    work = Clockwork()
    work.put()
    mailboxes.block(work.connection, MAILBOX, work.now + HOUR, work.now)
    for until in (work.now + MINUTE, work.now - 1):  # the second was over before it could be written
        mailboxes.block(work.connection, MAILBOX, until, work.now)
    assert work.rest() == HOUR
    mailboxes.block(work.connection, MAILBOX, 0, work.now)

    assert isinstance(work.claim(), Claim)


def test_a_mailbox_that_is_finding_out_sends_one_at_a_time() -> None:
    """At its full pace too, as long as the lane says so."""
    work = Clockwork(probing=True)
    work.put()
    work.put()
    work.take()

    assert work.rest(owner="two") == 1000


# -- outside


@pytest.fixture
def curbed() -> Clockwork:
    """External recipients of the profile wait for an hour."""
    return Clockwork(curbs={"scans": Curb(frozenset({"contoso.test"}), START + HOUR)})


def test_external_mail_waits_and_internal_mail_goes_on(curbed: Clockwork) -> None:
    """Of a message to both, those inside get it now."""
    outside = curbed.put(to=["a@fabrikam.test"])
    both = curbed.put(to=["b@fabrikam.test", "B@Contoso.test"])
    inside = curbed.put(to=["c@contoso.test"])
    claim = curbed.take()
    assert claim.parcel.id == both
    assert claim.parcel.recipients == ("B@Contoso.test",)
    assert curbed.settle(claim) is State.QUEUED
    assert curbed.sent() == inside
    assert curbed.rest() == HOUR
    curbed.now += HOUR

    assert [curbed.sent(curbs={}) for _ in range(2)] == [outside, both]
    assert curbed.of(both, "state") == State.DELIVERED


def test_a_queue_of_external_mail_is_put_off_a_little_at_a_time(curbed: Clockwork) -> None:
    """So that one claim holds nobody up; what is inside is found."""
    for n in range(120):
        curbed.put(to=[f"{n}@fabrikam.test"])
    inside = curbed.put()
    rests = 0
    while not isinstance(claim := curbed.claim(), Claim):
        rests += 1

    assert rests == 2
    assert claim.parcel.id == inside


# -- seen from outside


def test_what_a_mailbox_has_used_can_be_read() -> None:
    """Spent of its day, its pace, its rest, its connections."""
    work = Clockwork()
    work.put(to=3)
    work.put(to=2)
    work.take(owner="two")
    throttled(work)
    (row,) = mailboxes.overview(work.connection, work.now)

    assert row == mailboxes.MailboxRow(MAILBOX, 3, 0.5, work.now + MINUTE, 2)
    (later,) = mailboxes.overview(work.connection, work.now + 2 * DAY)
    assert (later.spent, later.pace, later.blocked_until) == (0, 1.0, 0)


def test_doubts_are_counted_with_the_message() -> None:
    """As a state of its own, due like any other."""
    work = Clockwork()
    name = work.put()
    for doubts in range(3):
        claim = work.take()
        assert claim.doubtful == doubts
        assert work.settle(claim, State.UNCERTAIN, Kind.UNCERTAIN) is State.UNCERTAIN

    assert work.of(name, "doubts") == 3
    assert work.sent() == name
