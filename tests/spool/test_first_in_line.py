"""What the writing thread remembers of who is first in line is what the database says, whatever happened in between."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from relay.message.address import Address
from relay.policy.external import Curb
from relay.policy.orders import Order
from relay.spool import mailboxes
from relay.spool.orders import Giver
from relay.spool.queries import SQL
from relay.spool.store import Claim, RecipientResult, Settlement, SpoolError, State
from tests.spool.clockwork import MINUTE, Clockwork
from tests.spool.conftest import MAILBOX, Desk

if TYPE_CHECKING:
    import sqlite3

    from relay.policy.turns import Head

TO = ("a@contoso.test",)
ENDS = [State.DELIVERED, State.DELIVERED, State.DELIVERED, State.FAILED, State.QUEUED, State.UNCERTAIN, State.HELD]


def remembered(desk: Desk, connection: sqlite3.Connection) -> list[Head] | None:
    """None where the database would be asked anyway."""
    heads = desk.store._heads
    if heads._seen != connection.total_changes:
        return None
    return [head for queue in heads._queues.values() for head in queue.heads.values()]


def stored(connection: sqlite3.Connection) -> set[tuple[object, ...]]:
    served = dict(connection.execute(SQL.turns, {"mailbox": MAILBOX}))
    return {(*row, served.get(row[2], 0)) for row in connection.execute(SQL.heads, {"profile": "scans"})}


async def compare(desk: Desk) -> bool:
    """Whether anything is remembered; fails when that is wrong."""

    def work(connection: sqlite3.Connection) -> bool:
        heads = remembered(desk, connection)
        if not heads:
            return False
        assert {(one.id, one.precedence, one.device, one.due_at, one.served) for one in heads} == stored(connection)
        return True

    return await desk.store._run("pulse", work)


async def undone(desk: Desk) -> None:
    """An acceptance and a claim that reach the end of their transaction, and no commit."""
    with patch("relay.spool.writer.fault", side_effect=OSError(5, "Input/output error")):
        for work in (desk.put(), desk.take()):
            with pytest.raises(SpoolError, match="Input/output error"):
                await work


async def settled(desk: Desk, claim: Claim, state: State) -> None:
    results = (
        [RecipientResult(Address(one), state, "said") for one in TO] if state in (State.DELIVERED, State.FAILED) else []
    )
    due_at = time.time_ns() // 1_000_000
    assert await desk.store.settle(claim, Settlement(state, state, due_at=due_at, recipients=results))


async def something(desk: Desk, chance: random.Random, ids: list[str], in_hand: list[Claim]) -> None:
    """One of the things that happen to a spool, the usual ones more often."""
    match chance.choice(["put"] * 6 + ["claim"] * 6 + ["settle"] * 5 + ["order", "resume", "undone"]):
        case "put":
            ids.append(await desk.put(device=chance.choice("abc"), precedence=chance.randrange(4)))
        case "claim":
            found = await desk.store.claim(desk.seat(chance.choice(["one", "two"])), lambda _: 0)
            in_hand += [found] if isinstance(found, Claim) else []
        case "settle" if in_hand:
            await settled(desk, in_hand.pop(chance.randrange(len(in_hand))), chance.choice(ENDS))
        case "order" if ids:
            giver = Giver(chance.choice(list(Order)), "anna", time.time_ns() // 1_000_000)
            await desk.store.order(giver, [chance.choice(ids)])
        case "resume":
            await desk.store.resume("scans")
        case "undone":
            await undone(desk)


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_remembered_is_what_the_database_says(seed: int, desk: Desk) -> None:
    """Devices of all precedences, claims, outcomes, orders, and transactions that were undone."""
    chance, ids, in_hand = random.Random(seed), list[str](), list[Claim]()
    remembered_times = 0
    for _ in range(150):
        await something(desk, chance, ids, in_hand)
        remembered_times += await compare(desk)
    assert remembered_times > 30


def moved_on(work: Clockwork, seed: int, steps: int, *, asks: bool) -> list[object]:
    """What claims of two mailboxes find, whose profiles change places now and then; `asks`: nothing is remembered."""
    chance, in_hand, found = random.Random(seed), list[Claim](), list[object]()
    profiles = [["a", "b"], ["c", "d"]]
    mailboxes.add_mailbox(work.connection, "other")
    for _ in range(steps):
        if asks:
            work.means.heads.forget()
        match chance.choice(["put"] * 4 + ["claim"] * 6 + ["settle"] * 4 + ["move", "wait"]):
            case "put":
                work.put(chance.choice("xyz"), profile=chance.choice("abcd"), precedence=chance.randrange(4), to=2)
            case "claim":
                which, curb = chance.randrange(2), Curb(frozenset(), work.now + MINUTE)
                got = work.claim(
                    owner=f"{which}", mailbox=(MAILBOX, "other")[which], profiles=tuple(profiles[which]),
                    curbs={"a": curb} if chance.random() < 0.2 else {}, recipients_per_message=chance.choice([0, 0, 1]),
                )  # fmt: skip
                in_hand += [got] if isinstance(got, Claim) else []
                found.append((got.parcel.id, got.fence, got.left) if isinstance(got, Claim) else got)
            case "settle" if in_hand:
                due_at = work.now + chance.choice([0, MINUTE])
                work.settle(in_hand.pop(chance.randrange(len(in_hand))), chance.choice(ENDS), due_at=due_at)
            case "move":
                profiles[0].append(profiles[1].pop(0))
                profiles[1].append(profiles[0].pop(0))
            case "wait":
                work.now += chance.choice([1, MINUTE])
    return found


@pytest.mark.parametrize("seed", range(3))
def test_a_claim_that_remembers_takes_what_one_that_asks_takes(seed: int) -> None:
    """Two mailboxes, profiles that move between them, recipients that must wait, envelopes that are split."""
    asking = moved_on(Clockwork(), seed, 600, asks=True)
    assert moved_on(Clockwork(), seed, 600, asks=False) == asking
    assert len([one for one in asking if isinstance(one, tuple)]) > 100


async def test_each_operation_is_few_statements(desk: Desk) -> None:
    """Beside those of the commit: one for an acceptance, three for a claim, one for a settlement."""
    asked: list[str] = []
    await desk.put()
    await settled(desk, await desk.take(), State.DELIVERED)
    for _ in range(3):
        await desk.put()
    await settled(desk, await desk.take(), State.DELIVERED)
    await desk.store._run("pulse", lambda connection: connection.set_trace_callback(asked.append))

    def statements() -> int:
        """Each is told once more for every trigger that it runs."""
        found = {line for line in asked if not line.startswith(("BEGIN", "COMMIT", "PRAGMA", SQL.kept_bytes))}
        asked.clear()
        return len(found)

    statements()
    await desk.put()
    accepting = statements()
    claim = await desk.take()
    claiming = statements()
    await settled(desk, claim, State.DELIVERED)
    assert (accepting, claiming, statements()) == (1, 3, 1)


def test_a_connection_in_use_is_kept_for_longer_than_any_attempt_takes() -> None:
    """Its lease is not written with each claim, but never runs short."""
    work = Clockwork()
    for _ in range(20):
        work.put()
    written = set()
    for _ in range(20):
        work.now += 7 * MINUTE
        work.sent()
        (until,) = work.connection.execute("SELECT max(lease_until) FROM slot").fetchone()
        assert until - work.now >= 60 * MINUTE
        written.add(until)
    assert 1 < len(written) < 15
