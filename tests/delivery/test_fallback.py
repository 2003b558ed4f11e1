"""A profile with a second transport: when it takes over, what it never does, and how the first comes back."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from relay.delivery.attempt import Line
from relay.delivery.passage import travel
from relay.delivery.plan import Way
from relay.message.address import Address
from relay.message.answer import GraphAnswer
from relay.message.parcel import Parcel
from relay.message.reply import Reply
from relay.policy.backoff import recheck_after_s
from relay.policy.verdicts import Facts
from relay.spool.chronicle import Chronicle
from relay.tokens.source import TokenError
from relay.transport.transport import Receipt, Stage, TransportError
from tests.delivery.conftest import HOST, OK, Upstream, until

if TYPE_CHECKING:
    from tests.delivery.conftest import Theatre

REFUSED = TransportError(
    Stage.AUTH,
    "refused",
    host=HOST,
    reply=Reply(535, "5.7.139", "SmtpClientAuthentication is disabled for the Tenant."),
)
DENIED = TransportError(
    Stage.FINAL, "denied", host=HOST, graph=GraphAnswer(403, "ErrorAccessDenied", "Access is denied.")
)
BAD_SECRET = TokenError("invalid_client", "AADSTS7000215: Invalid client secret", codes=(7000215,), status=401)
LOST = TransportError(Stage.FINAL, "connection closed", host=HOST, uncertain=True)
TOO_BIG = Reply(552, "5.3.4", "this relay: message too large for Microsoft Graph: 4000000 bytes, at most 3145728")
OUTSIDE = Reply(
    550,
    "5.7.1",
    "this relay: High Volume Email delivers to internal recipients only; x.test is not in internal_domains",
)
PARTNER = Reply(550, "5.7.51", "TenantInboundAttribution; There is a partner connector configured")
NOT_FOR_THE_SECOND = frozenset({"relay.graph-too-big", "relay.hve-external"})
ANN, BOB = Address("ann@contoso.test"), Address("bob@x.test")


class Two:
    """The theatre with a second upstream behind the first."""

    def __init__(self, theatre: Theatre, **delivery: object) -> None:
        self.theatre = theatre
        self.first, self.second = theatre.upstream, Upstream()
        self.rules: frozenset[str] = frozenset()
        self.delivery = {"recheck_s": 60.0, **delivery}
        self.replan()

    def replan(self, *rules: str, **delivery: object) -> None:
        plan = self.theatre.plan(**self.delivery | delivery)
        facts = Facts(profile="scans", host="second.test")
        way = replace(
            plan.ways["scans"],
            kind="smtp",
            second=Way(self.second, facts, kind="graph", never_takes=NOT_FOR_THE_SECOND),
            takes_over=frozenset(rules),
        )
        self.theatre.lane.replan(replace(plan, ways={"scans": way}))


@pytest_asyncio.fixture
async def two(theatre: Theatre) -> Two:
    return Two(theatre)


def states(theatre: Theatre, name: str) -> dict[str, str]:
    return {recipient.address: recipient.state for recipient in theatre.item(name).recipients}


def outcomes(theatre: Theatre, name: str) -> list[str]:
    return [attempt.outcome for attempt in theatre.item(name).attempts]


async def test_a_refused_way_is_left_for_the_second_within_one_attempt(theatre: Theatre, two: Two) -> None:
    """The message is not deferred; the journal says which way was refused, by which answer, and what to do."""
    two.first.at_connect = [REFUSED]
    name = await theatre.put()
    assert await theatre.becomes(name, "delivered") == ["delivered"]
    told = theatre.event("delivery.fallback")
    assert (told["profile"], told["transport"], told["fallback"]) == ("scans", "smtp", "graph")
    assert "disabled for the Tenant" in told["answer"]
    assert "Set-CASMailbox" in told["remedy"]
    assert two.first.sent == []
    assert "scans" not in theatre.pauses


async def test_the_attempt_tells_what_both_ways_heard(theatre: Theatre, two: Two) -> None:
    """The refusal by the first, then the success by the second, in one transcript."""
    refused = TransportError(REFUSED.stage, REFUSED.text, host=HOST, reply=REFUSED.reply)
    refused.transcript = "     1 S: 535 no"
    two.first.at_connect = [refused]
    two.second.answers = [Receipt(HOST, OK, transcript="     2 S: 250 yes")]
    name = await theatre.put()
    await theatre.becomes(name, "delivered")
    record = Chronicle(theatre.store.directory).record(name)
    assert record is not None
    assert record.attempts[0]["transcript"].splitlines() == [
        "     1 S: 535 no", "       - by the fallback graph:", "     2 S: 250 yes"
    ]  # fmt: skip


async def test_until_the_recheck_the_first_is_not_bothered(theatre: Theatre, two: Two) -> None:
    """One failed sign-in, not one for each message."""
    two.first.at_connect = [REFUSED, REFUSED]
    for _ in range(3):
        await theatre.becomes(await theatre.put(), "delivered")
    assert len(two.first.at_connect) == 1
    assert len(two.second.sent) == 3


async def test_the_first_comes_back_by_itself(theatre: Theatre, two: Two) -> None:
    """At the recheck one message tries it; nothing is sent twice."""
    two.replan(recheck_s=0.01)
    two.first.at_connect = [REFUSED]
    names = [await theatre.put()]
    await theatre.becomes(names[0], "delivered")
    while not any(event["event"] == "delivery.fallback_ended" for event in theatre.events()):
        names.append(await theatre.put())
        await theatre.becomes(names[-1], "delivered")
    sent = [name for name, _ in (*two.first.sent, *two.second.sent)]
    assert sorted(sent) == sorted(names)
    assert theatre.event("delivery.fallback_ended")["transport"] == "smtp"


@pytest.mark.parametrize(
    ("met", "works"),
    [
        (OK, True),
        (Reply(550, "5.6.0", "message content is malformed"), True),
        (Reply(451, "4.7.0", "Temporary server error."), False),
        (Receipt(HOST, TOO_BIG, Stage.MAIL), False),
    ],
    ids=["taken", "judged", "busy", "judged by the relay"],
)
async def test_what_shows_that_the_first_works(theatre: Theatre, met: Reply | Receipt, works: bool) -> None:
    """A server that is busy at the recheck may have looked at nothing yet: the detour goes on."""
    first, line = Upstream(), Line()
    first.answers = [met]
    way = Way(first, Facts(), second=Way(Upstream(), Facts()))
    parcel = Parcel("m1", Address("a@x.test"), (ANN,), b"Subject: s\r\n\r\n", b"", 0, eight_bit=False)
    passage = await travel(parcel, line, way)
    await line.close()
    assert passage.first_works is works


async def test_a_reload_tries_the_first_at_once(theatre: Theatre, two: Two) -> None:
    """Whoever reloads may have mended it."""
    two.first.at_connect = [REFUSED]
    await theatre.becomes(await theatre.put(), "delivered")
    two.replan()
    name = await theatre.put()
    await theatre.becomes(name, "delivered")
    assert [sent for sent, _ in two.first.sent] == [name]


async def test_what_an_old_configuration_met_does_not_hold_up_the_new_one(theatre: Theatre, two: Two) -> None:
    """The reload came while the first was asked: the next message tries it as it is configured now."""
    two.first.answers, two.first.may_answer = [DENIED], asyncio.Event()
    found = await theatre.put()
    await two.first.reached.wait()
    two.replan()
    two.first.may_answer.set()
    await theatre.becomes(found, "delivered")
    name = await theatre.put()
    await theatre.becomes(name, "delivered")
    assert [sent for sent, _ in two.first.sent] == [found, name]


async def test_a_profile_is_not_paused_for_a_configuration_that_is_gone(theatre: Theatre) -> None:
    """Nor does its mail wait for a recheck, though each message is tried once more only."""
    theatre.lane.replan(theatre.plan(recheck_s=3600))
    theatre.upstream.answers, theatre.upstream.may_answer = [DENIED], asyncio.Event()
    name = await theatre.put()
    await theatre.upstream.reached.wait()
    theatre.lane.replan(theatre.plan(recheck_s=3600))
    theatre.upstream.may_answer.set()
    assert await theatre.becomes(name, "delivered") == ["deferred", "delivered"]
    assert not [event for event in theatre.events() if event["event"] == "profile.paused"]


async def test_doubt_never_leaves_by_the_second(theatre: Theatre, two: Two) -> None:
    """The first may have delivered it."""
    two.first.answers = [LOST]
    name = await theatre.put()
    assert await theatre.becomes(name, "delivered") == ["uncertain", "delivered"]
    assert two.second.sent == []


@pytest.mark.parametrize(
    "answer",
    [
        Reply(451, "4.7.0", "Temporary server error. Please try again later."),
        TransportError(Stage.CONNECT, "Connection refused", host=HOST),
        Reply(554, "5.2.252", "SendAsDenied; a@x not allowed to send as b@x"),
    ],
    ids=["busy", "unreachable", "one sender"],
)
async def test_what_is_no_fault_of_the_way_stays_on_it(
    theatre: Theatre, two: Two, answer: Reply | TransportError
) -> None:
    """Temporary trouble is waited for, and a message of its own fault is not smuggled out another way."""
    two.first.answers = [answer]
    name = await theatre.put()
    await until(lambda: theatre.item(name).attempts)
    assert two.second.sent == []


async def test_both_refused_pauses_the_profile_and_says_both(theatre: Theatre, two: Two) -> None:
    """The mail is kept; the remedy has both; at the recheck both are tried, and the second is enough."""
    two.replan(recheck_s=0.05)
    two.first.at_connect = [REFUSED, REFUSED]
    two.second.at_connect = [DENIED]
    name = await theatre.put()
    assert await theatre.becomes(name, "delivered") == ["deferred", "delivered"]
    paused = theatre.event("profile.paused")
    assert "535 5.7.139" in paused["answer"]
    assert "the fallback graph: HTTP 403 ErrorAccessDenied" in paused["answer"]
    assert "Set-CASMailbox" in paused["remedy"]
    assert "Application Mail.Send" in paused["remedy"]
    await until(lambda: "scans" not in theatre.pauses)


async def test_a_token_nobody_gives_is_a_refused_way(theatre: Theatre, two: Two) -> None:
    """The second may be a connector, which needs none."""
    two.first.at_connect = [BAD_SECRET]
    assert await theatre.becomes(await theatre.put(), "delivered") == ["delivered"]


async def test_a_way_refused_recipient_by_recipient_is_a_refused_way(theatre: Theatre, two: Two) -> None:
    """Microsoft's MX says so at RCPT: nobody was accepted, everybody goes the second way."""
    two.first.answers = [Receipt(HOST, None, Stage.RCPT, {ANN: PARTNER, BOB: PARTNER})]
    name = await theatre.put(ANN, BOB)
    assert await theatre.becomes(name, "delivered") == ["delivered"]
    assert two.second.sent == [(name, (ANN, BOB))]
    assert "partner connector" in theatre.event("delivery.fallback")["answer"]


@pytest.mark.parametrize(
    "met",
    [Receipt(HOST, TOO_BIG, Stage.MAIL), Receipt(HOST, None, Stage.RCPT, {BOB: OUTSIDE})],
    ids=["too large", "outside"],
)
async def test_what_only_the_refused_way_takes_is_kept_for_it(theatre: Theatre, two: Two, met: Receipt) -> None:
    """A configuration to be mended never fails mail: neither the message that finds out nor the next."""
    two.replan(recheck_s=0.05)
    two.first.at_connect, two.second.answers = [REFUSED] * 1000, [met] * 1000
    found, later = await theatre.put(BOB), await theatre.put(BOB)
    await until(lambda: all("deferred" in outcomes(theatre, name) for name in (found, later)))
    two.first.at_connect.clear()  # mended
    for name in (found, later):
        assert set((await theatre.becomes(name, "delivered"))[:-1]) == {"deferred"}
    told = [event["remedy"] for event in theatre.events() if event["event"] == "message.deferred"]
    assert all("transport smtp to be mended" in remedy for remedy in told)
    assert sorted(name for name, _ in two.first.sent) == sorted([found, later])
    assert "scans" not in theatre.pauses


# -- mail the first does not take by its nature


async def test_those_outside_get_their_mail_though_those_inside_do_not(theatre: Theatre, two: Two) -> None:
    """The first refused the message for those it spoke to; the second has not been asked yet."""
    two.replan("relay.hve-external")
    two.first.answers = [Receipt(HOST, Reply(550, "5.6.0", "content is malformed"), refused={BOB: OUTSIDE})]
    name = await theatre.put(ANN, BOB)
    await theatre.becomes(name, "failed")
    assert states(theatre, name) == {ANN: "failed", BOB: "delivered"}
    assert theatre.event("recipient.failed")["answer"] == "550 5.6.0 content is malformed"


@pytest.mark.parametrize("busy", [False, True])
async def test_each_side_of_a_message_has_its_own_end(theatre: Theatre, two: Two, busy: bool) -> None:
    """Those inside failed, those outside are tried again or failed too, with the words of their own server."""
    two.replan("relay.hve-external")
    two.first.answers = [
        Receipt(HOST, Reply(550, "5.6.0", "content is malformed"), refused={BOB: OUTSIDE}),
        Receipt(HOST, None, Stage.RCPT, {BOB: OUTSIDE}),
    ]
    two.second.answers = [Reply(451, "4.7.0", "busy")] if busy else [Reply(554, "5.6.0", "malformed too")]
    name = await theatre.put(ANN, BOB)
    await theatre.becomes(name, "failed")
    assert states(theatre, name) == {ANN: "failed", BOB: "delivered" if busy else "failed"}
    assert [to for _, to in two.second.sent] == [(BOB,)] * (2 if busy else 1)


async def test_a_message_too_large_for_the_first_leaves_by_the_second(theatre: Theatre, two: Two) -> None:
    """It alone: the next one goes the first way, and nobody speaks of a fallback of the profile."""
    two.replan("relay.graph-too-big")
    two.first.answers = [Receipt(HOST, TOO_BIG, Stage.MAIL)]
    large, small = await theatre.put(), await theatre.put()
    assert await theatre.becomes(large, "delivered") == ["delivered"]
    await theatre.becomes(small, "delivered")
    assert [name for name, _ in two.second.sent] == [large]
    assert [event["event"] for event in theatre.events() if event["event"].startswith("delivery.")] == []


async def test_a_message_too_large_fails_where_no_second_takes_it(theatre: Theatre, two: Two) -> None:
    """graph.too_big: refuse."""
    two.first.answers = [Receipt(HOST, TOO_BIG, Stage.MAIL)]
    assert await theatre.becomes(await theatre.put(), "failed") == ["failed"]
    assert "Microsoft Graph" in theatre.event("message.failed")["answer"]


async def test_a_second_that_is_misconfigured_holds_up_large_mail_alone(theatre: Theatre, two: Two) -> None:
    """The first works: its mail goes on."""
    two.replan("relay.graph-too-big")
    two.first.answers = [Receipt(HOST, TOO_BIG, Stage.MAIL)]
    two.second.at_connect = [REFUSED]
    large = await theatre.put()
    await until(lambda: theatre.item(large).attempts)
    await theatre.becomes(await theatre.put(), "delivered")
    assert theatre.item(large).state == "queued"
    assert "scans" not in theatre.pauses


async def test_those_outside_leave_by_the_second_and_those_inside_get_one_copy(theatre: Theatre, two: Two) -> None:
    """Each recipient once."""
    two.replan("relay.hve-external")
    two.first.answers = [Receipt(HOST, OK, refused={BOB: OUTSIDE})]
    name = await theatre.put(ANN, BOB)
    assert await theatre.becomes(name, "delivered") == ["delivered"]
    assert two.second.sent == [(name, (BOB,))]
    assert states(theatre, name) == {ANN: "delivered", BOB: "delivered"}


async def test_a_second_that_is_busy_is_tried_again_for_its_own_recipients(theatre: Theatre, two: Two) -> None:
    """Those inside have their mail and get no other."""
    two.replan("relay.hve-external")
    two.first.answers = [Receipt(HOST, OK, refused={BOB: OUTSIDE}), Receipt(HOST, None, Stage.RCPT, {BOB: OUTSIDE})]
    two.second.answers = [Reply(451, "4.7.0", "Temporary server error.")]
    name = await theatre.put(ANN, BOB)
    assert await theatre.becomes(name, "delivered") == ["deferred", "delivered"]
    assert [to for _, to in two.first.sent] == [(ANN, BOB), (BOB,)]
    assert [to for _, to in two.second.sent] == [(BOB,), (BOB,)]


async def test_a_doubt_on_the_second_does_not_send_the_first_again(theatre: Theatre, two: Two) -> None:
    """Bob's copy is in doubt, Ann's is not."""
    two.replan("relay.hve-external")
    two.first.answers = [Receipt(HOST, OK, refused={BOB: OUTSIDE}), Receipt(HOST, None, Stage.RCPT, {BOB: OUTSIDE})]
    two.second.answers = [LOST]
    name = await theatre.put(ANN, BOB)
    assert await theatre.becomes(name, "delivered") == ["uncertain", "delivered"]
    assert [to for _, to in two.first.sent] == [(ANN, BOB), (BOB,)]


async def test_those_outside_fail_by_name_without_a_second(theatre: Theatre) -> None:
    """The others are not touched."""
    theatre.upstream.answers = [Receipt(HOST, OK, refused={BOB: OUTSIDE})]
    name = await theatre.put(ANN, BOB)
    await theatre.becomes(name, "failed")
    assert states(theatre, name) == {ANN: "delivered", BOB: "failed"}
    assert theatre.event("recipient.failed")["rule"] == "relay.hve-external"


# -- rechecks


async def test_rechecks_in_vain_grow_apart_and_mail_never_bounces(theatre: Theatre) -> None:
    """Doubled each time; one message tries at each."""
    theatre.lane.replan(theatre.plan(recheck_s=0.02, expire_after_s=0.01))
    theatre.upstream.at_connect = [BAD_SECRET] * 4
    connect, tried = theatre.upstream.connect, []
    theatre.upstream.connect = lambda: (tried.append(time.monotonic()), connect())[1]
    name = await theatre.put()
    assert await theatre.becomes(name, "delivered") == ["deferred"] * 4 + ["delivered"]
    gaps = [later - earlier for earlier, later in pairwise(tried)]
    assert [gap >= 0.02 * 2**n - 0.002 for n, gap in enumerate(gaps)] == [True] * 4


def test_a_recheck_is_never_later_than_an_hour_nor_earlier_than_configured() -> None:
    """Whoever configures two hours gets them."""
    assert [recheck_after_s(count, 300) for count in (0, 1, 2, 3, 4, 99)] == [300, 600, 1200, 2400, 3600, 3600]
    assert recheck_after_s(5, 7200) == 7200
