"""Orders of an operator to the spool: what each does in each state, and that no attempt comes between."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from relay.message.address import Address
from relay.policy.orders import Order
from relay.spool import idle
from relay.spool.browse import Browser
from relay.spool.orders import Giver
from relay.spool.selection import Selection
from relay.spool.store import RecipientResult, Rest, Settlement, SpoolBusy, State
from tests.spool.conftest import LINES, MAILBOX, Desk, retry_at_once
from tests.spool.test_store import now

if TYPE_CHECKING:
    from relay.spool.orders import Ordered
    from relay.spool.store import Claim


async def order(desk: Desk, what: Order, *ids: str, who: str = "anna") -> Ordered:
    return await desk.store.order(Giver(what, who, now()), ids)


async def refused(desk: Desk, claim: Claim) -> None:
    """All its recipients are refused for good."""
    results = [RecipientResult(address, "failed", "550 no") for address in claim.parcel.recipients]
    assert await desk.store.settle(claim, Settlement(State.FAILED, "failed", answer="550 no", recipients=results))


def item(desk: Desk, message_id: str):
    found = Browser(desk.directory).show(message_id)
    assert found is not None
    return found


def rows(desk: Desk, question: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(desk.directory / "spool.db")) as connection:
        return connection.execute(question, values).fetchall()


async def test_held_mail_is_not_claimed_until_it_is_released(desk: Desk) -> None:
    """Who held it is said; both orders are events with their giver."""
    name = await desk.put()
    assert (await order(desk, Order.HOLD, name)).done == [name]
    assert isinstance(await desk.store.claim(desk.seat(), retry_at_once), Rest)
    assert item(desk, name).next == "held by operator anna: release or drop it"
    released = await order(desk, Order.RELEASE, name, who="bert")
    assert released.due == {"scans": 1}
    assert (await desk.take()).parcel.id == name
    assert [(event.what, event.who, event.detail) for event in item(desk, name).events] == [
        ("hold", "anna", "it was queued"),
        ("release", "bert", "it was held"),
    ]


async def test_a_failed_message_is_sent_again_to_those_it_did_not_reach(desk: Desk) -> None:
    """What was delivered stays so, the history too, and nobody is told of a failure any more."""
    name = await desk.put(to=("good@contoso.test", "bad@contoso.test"))
    claim = await desk.take()
    results = [
        RecipientResult(Address("good@contoso.test"), "delivered", "250 ok"),
        RecipientResult(Address("bad@contoso.test"), "failed", "550 no"),
    ]
    await desk.store.settle(claim, Settlement(State.FAILED, "failed", recipients=results))
    assert [notice.what for notice in item(desk, name).notices] == ["failed"]
    assert (await order(desk, Order.RETRY, name)).due == {"scans": 1}
    again = await desk.take()
    assert (again.parcel.id, again.parcel.recipients, again.attempt) == (name, ("bad@contoso.test",), 2)
    assert again.received_at > claim.received_at
    assert len(item(desk, name).attempts) == 2
    assert rows(desk, "SELECT * FROM notice") == []


async def test_retry_makes_what_waits_due_and_keeps_its_age(desk: Desk) -> None:
    """So that it does not live for ever by being retried."""
    name = await desk.put()
    claim = await desk.take()
    await desk.store.settle(claim, Settlement(State.QUEUED, "deferred", due_at=now() + 3_600_000))
    assert isinstance(await desk.store.claim(desk.seat(), retry_at_once), Rest)
    await order(desk, Order.RETRY, name)
    assert (await desk.take()).received_at == claim.received_at


@pytest.mark.parametrize("body", [b"small\r\n", LINES])
async def test_dropped_mail_is_gone_from_the_disk_and_its_record_stays(desk: Desk, body: bytes) -> None:
    """Its octets no longer count; nothing brings it back; the next start does not miss it."""
    name = await desk.put(body)
    assert (await order(desk, Order.DROP, name)).done == [name]
    assert rows(desk, "SELECT * FROM body") == []
    assert rows(desk, "SELECT bytes FROM kept") == [(0,)]
    assert item(desk, name).state == "dropped"
    for what in Order:
        assert await order(desk, what, name) == type(await order(desk, what))(
            skipped={name: "it was dropped: its content is gone"}
        )
    await desk.store.close()
    assert desk.bodies() == []
    again = Desk(desk.directory, min_free_bytes=0)
    recovered = await again.store.open()
    assert (recovered.damaged, again.bodies()) == (0, [])
    assert await again.store.purge(now() + 1, now() + 1) == 1
    assert rows(desk, "SELECT * FROM event") == []
    await again.store.close()


async def test_a_leased_message_is_not_dropped(desk: Desk) -> None:
    """It may be arriving in this moment; the way out is said."""
    name = await desk.put()
    claim = await desk.take()
    assert (await order(desk, Order.DROP, name)).skipped == {name: "an attempt is under way: hold it, then drop it"}
    assert await desk.store.settle(claim, Settlement(State.DELIVERED, "delivered"))


@pytest.mark.parametrize(
    ("outcome", "ends"),
    [
        (State.QUEUED, "held"),
        (State.UNCERTAIN, "held"),
        (State.FAILED, "failed"),
        (State.DELIVERED, "delivered"),
        (State.HELD, "held"),
    ],
)
async def test_a_leased_message_is_held_when_its_attempt_ends(desk: Desk, outcome: State, ends: str) -> None:
    """Unless that was its end."""
    name = await desk.put()
    claim = await desk.take()
    assert (await order(desk, Order.HOLD, name)).done == [name]
    assert item(desk, name).next == "attempt 1 is under way; then held for operator anna"
    assert await desk.store.settle(claim, Settlement(outcome, "x", due_at=now()))
    assert item(desk, name).state == ends


async def test_a_crash_does_not_forget_that_it_is_to_be_held(desk: Desk) -> None:
    """Nor is it forgotten that it is to be held no longer."""
    held, free = await desk.put(), await desk.put()
    await desk.take()
    await desk.take()
    await order(desk, Order.HOLD, held, free)
    await order(desk, Order.RELEASE, free)
    await desk.store.close()
    again = Desk(desk.directory, min_free_bytes=0)
    await again.store.open()
    await again.store.close()
    assert (item(desk, held).state, item(desk, free).state) == ("held", "uncertain")


async def test_a_damaged_message_is_released_when_what_was_missing_is_back(desk: Desk) -> None:
    """Before, it stays, with the reason."""
    name = await desk.put(LINES)
    body = desk.directory / "bodies" / name
    aside = body.rename(desk.directory / "aside")
    assert isinstance(await desk.store.claim(desk.seat(), retry_at_once), Rest)
    assert item(desk, name).state == "corrupt"
    assert (await order(desk, Order.RETRY, name)).skipped[name].startswith("it is damaged")
    assert (await order(desk, Order.RELEASE, name)).skipped[name].startswith("it is still damaged: the file")
    aside.rename(body)
    assert (await order(desk, Order.RELEASE, name)).done == [name]
    assert (await desk.take()).parcel.id == name


async def test_nobody_is_touched_for_an_id_that_is_none(desk: Desk) -> None:
    """It is said."""
    assert (await order(desk, Order.RETRY, "nobody")).skipped == {"nobody": "there is no such message"}


async def test_an_idle_spool_takes_orders_and_is_not_mended_by_them(desk: Desk) -> None:
    """While it is open, nobody else may; a lease that a crash left is for the next start."""
    leased, waiting = await desk.put(), await desk.put(LINES)
    await desk.take()
    with pytest.raises(SpoolBusy), idle.taken(desk.directory):
        pass
    await desk.store.close()
    with idle.taken(desk.directory):
        ordered = idle.order(desk.directory, Giver(Order.DROP, "root", now()), [leased, waiting])
    assert (ordered.done, list(ordered.skipped)) == ([waiting], [leased])
    assert desk.bodies() == []
    assert item(desk, leased).state == "leased"


async def test_filters_mean_what_they_say(desk: Desk) -> None:
    """Each alone, and all together; values are never read as SQL."""
    first = await desk.put(to=("ann@contoso.test",))
    second = await desk.put(to=("Bob@Fabrikam.test",), profile="other")
    browser = Browser(desk.directory)
    await order(desk, Order.HOLD, second)

    def found(**facts: object) -> list[str]:
        return list(browser.find(Selection.of(facts)))

    assert found() == [first, second]
    assert found(profile="other") == found(states=["held"]) == found(recipient="*@fabrikam.test") == [second]
    assert found(limit=1) == found(states=["queued"]) == found(recipient="ann@contoso.test") == [first]
    assert found(mailbox=MAILBOX.upper(), device="copier", sender="scanner@*", older_than_s=0) == [first, second]
    assert found(ids=[second, first, "nobody"]) == [first, second]
    assert found(ids=[second], states=["queued"]) == []
    assert found(younger_than_s=3600) == [first, second]
    assert found(older_than_s=3600) == found(device="' OR 1=1 --") == found(recipient="[a]nn@*") == []


@pytest.mark.parametrize(
    "facts",
    [
        {"ids": "one"}, {"ids": [1]}, {"states": ["lost"]}, {"limit": 0}, {"limit": True}, {"older_than_s": -1},
        {"older_than_s": float("nan")}, {"device": None}, {"nonsense": 1},
    ],
)  # fmt: skip
def test_a_selection_that_is_none_is_refused_with_its_name(facts: dict[str, object]) -> None:
    """Whatever a client of the socket sends."""
    with pytest.raises(ValueError, match=next(iter(facts))[:3] if "states" not in facts else "state"):
        Selection.of(facts)
