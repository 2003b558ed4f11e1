"""What becomes of a message after each kind of answer, and who else is touched."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from relay.message.address import Address
from relay.message.reply import Reply
from relay.tokens.source import TokenError
from relay.transport.transport import Receipt, Stage, TransportError
from tests.delivery.conftest import HOST, OK, until

if TYPE_CHECKING:
    from tests.delivery.conftest import Theatre

BUSY = Reply(451, "4.4.2", "Timeout waiting for data from client")
NOT_FOUND = Reply(550, "5.1.10", "RESOLVER.ADR.RecipientNotFound; Recipient not found")
LATER = Reply(450, "4.2.2", "Mailbox busy")
BAD_SECRET = TokenError(
    "invalid_client", "AADSTS7000215: Invalid client secret provided.", codes=(7000215,), status=401
)
LOST = TransportError(Stage.FINAL, "connection closed", host=HOST, uncertain=True)


async def test_a_temporary_answer_is_followed_by_another_attempt(theatre: Theatre) -> None:
    """Over the same connection; the journal says when."""
    theatre.upstream.answers = [BUSY]
    name = await theatre.put()
    assert await theatre.becomes(name, "delivered") == ["deferred", "delivered"]
    assert theatre.upstream.connected == 1
    assert theatre.event("message.deferred")["next_in_s"] == 0
    assert theatre.event("message.delivered")["attempt"] == 2


async def test_each_recipient_has_an_outcome_of_its_own(theatre: Theatre) -> None:
    """One is refused for good, one for now, one is reached: nobody gets it twice."""
    ann, bob, eve = (Address(f"{name}@contoso.test") for name in ("ann", "bob", "eve"))
    theatre.upstream.answers = [Receipt(HOST, OK, refused={bob: NOT_FOUND, eve: LATER})]
    name = await theatre.put(ann, bob, eve)
    await theatre.becomes(name, "failed")
    assert theatre.upstream.sent == [(name, (ann, bob, eve)), (name, (eve,))]
    states = {recipient.address: recipient.state for recipient in theatre.item(name).recipients}
    assert states == {ann: "delivered", bob: "failed", eve: "delivered"}
    assert theatre.event("recipient.failed")["recipient"] == bob


async def test_a_message_that_is_refused_does_not_hold_up_the_next(theatre: Theatre) -> None:
    """It failed alone."""
    theatre.upstream.answers = [Reply(552, "5.3.4", "Message size exceeds fixed maximum message size")]
    bad, good = await theatre.put(), await theatre.put()
    assert await theatre.becomes(bad, "failed") == ["failed"]
    assert await theatre.becomes(good, "delivered") == ["delivered"]


async def test_a_lost_answer_is_tried_again(theatre: Theatre) -> None:
    """At least once, and visibly."""
    theatre.upstream.answers = [LOST]
    name = await theatre.put()
    assert await theatre.becomes(name, "delivered") == ["uncertain", "delivered"]
    assert theatre.event("message.uncertain")["action"] == "retry"


async def test_a_lost_answer_holds_the_message_where_that_is_wanted(theatre: Theatre) -> None:
    """The operator decides; the others go on."""
    theatre.lane.replan(theatre.plan(uncertain="hold"))
    theatre.upstream.answers = [LOST]
    doubtful, next_one = await theatre.put(), await theatre.put()
    await theatre.becomes(next_one, "delivered")
    assert theatre.item(doubtful).state == "held"
    assert [sent[0] for sent in theatre.upstream.sent] == [doubtful, next_one]


async def test_a_throttle_makes_the_whole_mailbox_rest(theatre: Theatre) -> None:
    """No other message is tried against it."""
    theatre.upstream.answers = [
        Reply(432, "4.3.2", "Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending")
    ]
    first, second = await theatre.put(), await theatre.put()
    await until(lambda: theatre.item(first).attempts and theatre.item(first).attempts[0].outcome)
    await until(lambda: theatre.lane._resting)
    assert len(theatre.upstream.sent) == 1
    assert theatre.item(second).attempts == ()
    await theatre.store.block("scanner@contoso.test", 0)
    theatre.lane.wake()
    await theatre.becomes(second, "delivered")


async def test_a_wrong_secret_pauses_the_profile_and_one_message_finds_out_when_it_is_mended(theatre: Theatre) -> None:
    """Nothing fails; the rest follows at once."""
    theatre.upstream.at_connect = [BAD_SECRET] * 3
    names = [await theatre.put() for _ in range(4)]
    for name in names:
        await theatre.becomes(name, "delivered")
    attempts = [attempt for name in names for attempt in theatre.item(name).attempts]
    assert len(attempts) == 4 + 3
    assert {event["event"] for event in theatre.events()} >= {"profile.paused", "profile.resumed"}
    assert "scans" not in theatre.pauses
    assert await theatre.store.pauses() == {}


async def test_a_paused_profile_leaves_the_others_of_its_mailbox_alone_and_is_not_forgotten(theatre: Theatre) -> None:
    """Times that come in between do not replace the time of the recheck."""
    theatre.lane.replan(theatre.plan(profiles=("scans", "erp"), recheck_s=0.2))
    theatre.upstream.at_connect = [BAD_SECRET]
    paused = await theatre.put(profile="scans")
    await until(lambda: "scans" in theatre.pauses)
    theatre.upstream.answers = [BUSY]
    other = await theatre.put(profile="erp")
    assert await theatre.becomes(other, "delivered") == ["deferred", "delivered"]
    assert theatre.item(paused).state == "queued"
    assert await theatre.becomes(paused, "delivered") == ["deferred", "delivered"]


async def test_a_message_that_waited_too_long_is_given_up(theatre: Theatre) -> None:
    """At the next answer that is not the one hoped for."""
    theatre.lane.replan(theatre.plan(expire_after_s=0.05))
    theatre.upstream.answers = [BUSY] * 50
    name = await theatre.put()
    outcomes = await theatre.becomes(name, "failed")
    assert outcomes[-1] == "failed"
    assert set(outcomes[:-1]) <= {"deferred"}


@pytest.mark.parametrize(("deadline_s", "cut", "state"), [(5, 0, "delivered"), (0.01, 1, "leased")])
async def test_a_stopping_lane_gives_the_attempt_in_hand_its_deadline(
    theatre: Theatre, deadline_s: float, cut: int, state: str
) -> None:
    """What is cut stays without an outcome, which the next start counts as in doubt; nothing new is begun."""
    theatre.upstream.may_answer.clear()
    name, waiting = await theatre.put(), await theatre.put()
    await theatre.upstream.reached.wait()
    stopping = asyncio.ensure_future(theatre.lane.stop(deadline_s))
    await asyncio.sleep(0)
    if not cut:
        theatre.upstream.may_answer.set()
    assert await stopping == cut
    assert theatre.item(name).state == state
    assert theatre.item(waiting).attempts == ()
    assert theatre.upstream.open == 0


async def test_a_connect_without_end_is_not_in_doubt(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent: even where doubt holds a message, it is tried again."""
    monkeypatch.setattr("relay.delivery.attempt.ATTEMPT_S", 0.01)
    theatre.lane.replan(theatre.plan(uncertain="hold"))
    theatre.upstream.at_connect = [TimeoutError("nobody there")]
    name = await theatre.put()
    assert await theatre.becomes(name, "delivered") == ["deferred", "delivered"]


async def test_mail_of_a_mistyped_mailbox_leaves_under_its_right_name(theatre: Theatre) -> None:
    """A reload mends the name; what was accepted before signs in and says From as the new one."""
    theatre.lane.replan(theatre.plan(recheck_s=60))
    theatre.upstream.at_connect = [BAD_SECRET]
    name = await theatre.put(head=b'From: "Doe" <scanner@contoso.test>\r\nTo: scanner@contoso.test\r\n\r\n')
    await until(lambda: "scans" in theatre.pauses)
    await theatre.store.open_mailbox("copier@contoso.test")
    theatre.lane.replan(theatre.plan(mailbox="copier@contoso.test"))
    await theatre.becomes(name, "delivered")
    sent = theatre.upstream.last
    assert sent is not None
    assert sent.sender == "copier@contoso.test"
    assert sent.head == b'From: "Doe" <copier@contoso.test>\r\nTo: scanner@contoso.test\r\n\r\n'
    assert theatre.event("message.delivered")["mailbox"] == "copier@contoso.test"


async def test_an_answer_that_nobody_knows_is_marked_and_counted(theatre: Theatre) -> None:
    """In the journal, and grouped without host, time and id; the whole answer is kept with the attempt."""
    trailer = " [AM0PR02CA0134.eurprd02.prod.outlook.com 2024-07-11T11:46:49.042Z 08DCA18218166FB4]"
    theatre.upstream.answers = [Reply(554, "5.9.9", "The moon is full" + trailer), BUSY]
    name = await theatre.put()
    await theatre.becomes(name, "failed")
    await theatre.becomes(await theatre.put(), "delivered")
    (unknown,) = theatre.browser.unknown()

    assert theatre.event("message.failed")["unknown"] is True
    assert "unknown" not in theatre.event("message.deferred")
    assert theatre.item(name).attempts[0].answer.endswith(trailer)
    assert (unknown.times, unknown.stage, unknown.rule) == (1, "final", "smtp.other-5xx-message")
    assert unknown.answer == "554 5.9.9 The moon is full"
