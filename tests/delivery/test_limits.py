"""Limits that Exchange tells by an answer: throttles, envelopes, the tenant's external recipients."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from relay.config.settings import MailboxLimits
from relay.delivery.curbs import Curbs, Leave
from relay.delivery.plan import Plan, Way
from relay.message.address import Address
from relay.message.parcel import Parcel
from relay.message.reply import Reply
from relay.policy.external import Curb
from relay.policy.precedence import INTERACTIVE
from relay.policy.verdicts import Facts
from relay.spool.store import Claim, NewMessage, Stored
from relay.transport.transport import Receipt
from tests.delivery.conftest import HOST, MAILBOX, OK, until

if TYPE_CHECKING:
    from typing import Any

    from tests.delivery.conftest import Theatre

BUSY = Reply(432, "4.3.2", "Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending")
TOO_MANY = Reply(452, "4.5.3", "Too many recipients")
EXTERNAL = Reply(
    550, "5.7.233", "Your message can't be sent because your tenant has exceeded its daily limit for sending email to "
    "external recipients (tenant external recipient rate limit). For more information see https://aka.ms/EXONdrs.",
)  # fmt: skip


def limited(theatre: Theatre, *, delivery: dict[str, Any] | None = None, **limits: int) -> Plan:
    """A plan of a tenant's mailbox with these limits."""
    plan = theatre.plan(**delivery or {})
    facts = Facts(profile="scans", host=HOST, mailbox=MAILBOX, tenant="contoso")
    ways = {"scans": Way(theatre.upstream, facts, internal=frozenset({"contoso.test"}))}
    given = {"sessions": 1, "messages_per_minute": 0, **limits}
    return Plan(MAILBOX, MailboxLimits(**given), ways, plan.settings)


async def test_a_throttle_slows_the_mailbox_and_is_told_once(theatre: Theatre) -> None:
    """Three were under way over three connections: one event, and one message alone finds out when it may go on."""
    theatre.lane.replan(theatre.plan(sessions=3))
    theatre.upstream.may_answer.clear()
    theatre.upstream.answers = [BUSY] * 3
    names = [await theatre.put() for _ in range(5)]
    await until(lambda: theatre.upstream.open == 3)
    theatre.upstream.may_answer.set()
    await until(lambda: len(theatre.upstream.sent) == 3)
    await until(lambda: len(theatre.lane._resting) + 3 - len(theatre.lane._workers) == 3)
    told = theatre.event("mailbox.slowed")
    assert (told["pace"], told["rule"], round(told["rest_s"])) == (0.5, "smtp.concurrent-limit", 30)
    theatre.upstream.may_answer.clear()
    await theatre.store.block(MAILBOX, 0)
    theatre.lane.wake_all()
    await until(lambda: theatre.upstream.open == 1)
    assert len(theatre.upstream.sent) == 3
    theatre.upstream.may_answer.set()
    await until(lambda: len(theatre.upstream.sent) == 4)
    assert {name for name, _ in theatre.upstream.sent} <= set(names)


async def test_what_one_envelope_does_not_take_leaves_in_the_next(theatre: Theatre) -> None:
    """Two of five are accepted: the others follow at once, two at most, each once."""
    people = [Address(f"{n}@contoso.test") for n in range(5)]
    theatre.upstream.answers = [Receipt(HOST, OK, refused=dict.fromkeys(people[2:], TOO_MANY))]
    name = await theatre.put(*people)
    await theatre.becomes(name, "delivered")
    assert [len(to) for _, to in theatre.upstream.sent] == [5, 2, 1]
    assert sorted(one for _, to in theatre.upstream.sent[1:] for one in to) == people[2:]


async def test_too_many_at_the_end_of_data_halves_the_envelope(theatre: Theatre) -> None:
    """Again and again, until it is taken; nobody gets it twice."""
    theatre.upstream.answers = [TOO_MANY, TOO_MANY]
    people = [Address(f"{n}@contoso.test") for n in range(8)]
    name = await theatre.put(*people)
    await theatre.becomes(name, "delivered")
    assert [len(to) for _, to in theatre.upstream.sent] == [8, 4, 2, 2, 2, 2]
    assert sorted(one for _, to in theatre.upstream.sent[2:] for one in to) == people


async def test_an_envelope_never_has_more_than_the_limit(theatre: Theatre) -> None:
    """The same message, with the same head, in three submissions; delivered with the last."""
    theatre.lane.replan(limited(theatre, recipients_per_message=500))
    name = await theatre.put(
        *(f"{n}@contoso.test" for n in range(1100)), head=b"Message-ID: <one@contoso.test>\r\n\r\n"
    )
    assert await theatre.becomes(name, "delivered") == ["delivered"] * 3
    assert [len(to) for _, to in theatre.upstream.sent] == [500, 500, 100]
    assert theatre.upstream.last is not None
    assert theatre.upstream.last.head == b"Message-ID: <one@contoso.test>\r\n\r\n"
    assert [one.get("left") for one in theatre.events() if one["event"] == "message.delivered"] == [600, 100, None]


async def test_an_envelope_refused_for_good_is_told_for_its_recipients_alone(theatre: Theatre) -> None:
    """The message goes on with the others, and fails at the end."""
    theatre.lane.replan(limited(theatre, recipients_per_message=2))
    theatre.upstream.answers = [Reply(554, "5.6.0", "Corrupt message content")]
    people = [Address(f"{n}@contoso.test") for n in range(4)]
    name = await theatre.put(*people)
    assert await theatre.becomes(name, "failed") == ["failed", "delivered"]
    assert {one["recipient"] for one in theatre.events() if one["event"] == "recipient.failed"} == set(people[:2])
    assert not [one for one in theatre.events() if one["event"] == "message.failed"]


async def test_a_mailbox_without_budget_rests(theatre: Theatre) -> None:
    """Five recipients a day: the sixth waits, and the spool says what was spent."""
    theatre.lane.replan(limited(theatre, recipients_per_day=5))
    first = await theatre.put(*(f"{n}@contoso.test" for n in range(5)))
    await theatre.becomes(first, "delivered")
    waiting = await theatre.put()
    await until(lambda: theatre.lane._resting)
    assert theatre.item(waiting).attempts == ()
    assert [(row.name, row.spent) for row in theatre.browser.mailboxes()] == [(MAILBOX, 5)]


async def test_a_tenant_beyond_its_external_limit_still_sends_internal_mail(theatre: Theatre) -> None:
    """One message was told; the next ones outside are not even tried, those inside leave."""
    theatre.lane.replan(limited(theatre))
    theatre.upstream.answers = [EXTERNAL]
    told = await theatre.put("a@fabrikam.test")
    await until(lambda: theatre.item(told).attempts and theatre.item(told).attempts[0].outcome)
    other, both, inside = (
        await theatre.put("b@fabrikam.test"), await theatre.put("c@fabrikam.test", "d@contoso.test"),
        await theatre.put("e@contoso.test"),
    )  # fmt: skip
    await theatre.becomes(inside, "delivered")
    await until(lambda: len(theatre.upstream.sent) == 3)
    assert theatre.upstream.sent[1:] == [(both, ("d@contoso.test",)), (inside, ("e@contoso.test",))]
    await until(lambda: "not before" in theatre.item(other).next)
    assert theatre.item(other).attempts == ()


async def test_mail_outside_leaves_when_the_tenant_may_again(theatre: Theatre) -> None:
    """One finds out at the end of the time; the others follow."""
    theatre.lane.replan(limited(theatre))
    theatre.lane.curbs.begin("contoso", 0)
    names = [await theatre.put(f"{n}@fabrikam.test") for n in range(4)]
    for name in names:
        await theatre.becomes(name, "delivered")
    assert theatre.lane.curbs.ask(theatre.lane.plan, 0) == Leave({})


def test_one_message_at_a_time_finds_out_whether_the_tenant_may_send_outside(theatre: Theatre) -> None:
    """Who asks first; the others are told to wait, until it is known or the first found nothing to try it with."""
    curbs, plan = Curbs(), limited(theatre, delivery={"recheck_s": 300})
    way = plan.ways["scans"]
    curbs.begin("contoso", 1000)
    assert curbs.ask(plan, 999).curbs == {"scans": Curb(frozenset({"contoso.test"}), 1000)}
    first, second = curbs.ask(plan, 1000), curbs.ask(plan, 1000)
    assert (first.curbs, first.probes) == ({}, {"contoso"})
    assert (second.curbs["scans"].until, second.probes) == (301_000, frozenset())
    curbs.answer(first, None, None, 1001)
    assert curbs.ask(plan, 1001).probes == {"contoso"}
    curbs.answer(first, way, claimed("a@fabrikam.test"), 1001)
    assert curbs.ask(plan, 1001).curbs
    curbs.passed(way, claimed("b@contoso.test"))
    assert curbs.ask(plan, 1001).curbs
    curbs.passed(way, claimed("a@fabrikam.test"))
    assert curbs.ask(plan, 1001) == Leave({})


def claimed(to: str) -> Claim:
    parcel = Parcel("M1", Address(MAILBOX), (Address(to),), b"", b"", 0, eight_bit=False)
    return Claim(parcel, "copier", "scans", MAILBOX, 1, 1, 0)


async def test_who_waits_for_an_answer_overtakes_a_thousand(theatre: Theatre) -> None:
    """In the same mailbox: it is the next one to leave."""
    theatre.upstream.may_answer.clear()
    bulk = set(await asyncio.gather(*(theatre.put() for _ in range(1000))))
    await theatre.upstream.reached.wait()
    panel = await interactive(theatre)
    theatre.upstream.may_answer.set()
    await until(lambda: len(theatre.upstream.sent) > 2)
    names = [name for name, _ in theatre.upstream.sent]
    assert names[1] == panel
    assert {names[0], names[2]} < bulk


async def interactive(theatre: Theatre) -> str:
    theatre.count += 1
    name = f"I{theatre.count:04}"
    await theatre.store.accept(NewMessage(
        id=name, device="panel", profile="scans", mailbox=MAILBOX, sender=Address(MAILBOX),
        recipients=(Address("ann@contoso.test"),), client="10.0.2.18", head=b"Subject: x\r\n\r\n",
        body=Stored(b"hello\r\n", 7), eight_bit=False, precedence=INTERACTIVE,
    ))  # fmt: skip
    return name


async def test_who_waits_for_an_answer_hears_of_a_split_message_that_it_is_queued(theatre: Theatre) -> None:
    """Its first envelope failed; the device would send again to all of them if it heard so."""
    theatre.lane.replan(limited(theatre, recipients_per_message=1))
    theatre.upstream.answers = [Reply(554, "5.6.0", "Corrupt message content")]
    outcome = theatre.store.expect("M0001")
    await theatre.put("a@contoso.test", "b@contoso.test")
    async with asyncio.timeout(5):
        assert (await outcome).state == "queued"
