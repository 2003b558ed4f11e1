"""The system's clock is set under an open spool: waiting times and ages stay what they were."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from relay.spool.store import Claim, Rest, Settlement, SpoolError, State
from relay.telemetry.clock import _Clock, apart_ms, jumped_ms, now_ms, stand_apart
from tests.spool.conftest import MAILBOX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.spool.conftest import Desk

DAY_MS = 86_400_000
SOON_MS = 120_000


@pytest.fixture(autouse=True)
def _clock_as_it_was() -> Iterator[None]:
    """The clock belongs to the process: the next test finds it in its place."""
    apart = apart_ms()
    yield
    stand_apart(apart)


async def defer(desk: Desk) -> int:
    """One message that is due later; when."""
    await desk.put()
    due = now_ms() + SOON_MS
    await desk.store.settle(await desk.take(), Settlement(State.QUEUED, "deferred", due_at=due))
    return due


@pytest.mark.parametrize("jump", [DAY_MS // 12, 20 * DAY_MS, -DAY_MS // 12, -2 * DAY_MS])
async def test_what_is_due_in_two_minutes_stays_so(desk: Desk, jump: int) -> None:
    """The clock is set by hours or days, either way: the message is neither due now nor a jump later."""
    due = await defer(desk)
    await desk.store.clock_moved(jump)
    assert await desk.store.claim(desk.seat(), lambda _: 0) == Rest(due + jump)


@pytest.mark.parametrize("jump", [20 * DAY_MS, -2 * DAY_MS])
async def test_a_message_is_as_old_as_before(desk: Desk, jump: int) -> None:
    """Received a moment ago by any clock: it does not expire for being dated by the wrong one, nor when it is right."""
    await desk.put()
    await desk.store.clock_moved(jump)
    claim = await desk.take()
    assert now_ms() - claim.received_at < 60_000
    assert claim.apart_ms == apart_ms()
    await desk.store.clock_moved(-jump)
    await desk.store.settle(claim, Settlement(State.QUEUED, "deferred", due_at=0))
    assert 0 <= now_ms() - (await desk.take()).received_at < 60_000


async def test_a_clock_that_was_wrong_at_the_start_makes_no_mail_of_before_older(desk: Desk) -> None:
    """Mail waits, the machine starts days ahead and is put right: the mail is as old as if it had always been so."""
    await desk.put()
    await desk.store.close()
    stand_apart(apart_ms() + 20 * DAY_MS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Clock, "started_ms", apart_ms())
        again = type(desk)(desk.directory, min_free_bytes=0).store
        await again.open()
        await again.clock_moved(-20 * DAY_MS)
        claim = await again.claim(desk.seat(), lambda _: 0)
        await again.close()
    assert isinstance(claim, Claim)
    assert 0 <= now_ms() - claim.received_at < 60_000


async def test_a_clock_that_was_put_back_while_nothing_ran_makes_nobody_wait(desk: Desk) -> None:
    """The relay stops, the clock goes back a day, the relay starts: what was due in two minutes is so again."""
    await defer(desk)
    await desk.store.close()
    stand_apart(apart_ms() - DAY_MS)
    again = type(desk)(desk.directory, min_free_bytes=0).store
    await again.open()
    rest = await again.claim(desk.seat(), lambda _: 0)
    await again.close()
    assert isinstance(rest, Rest)
    assert rest.until is not None
    assert 0 < rest.until - now_ms() <= SOON_MS + 1000


async def test_the_meter_and_a_block_stand_as_they_stood(desk: Desk) -> None:
    """What the mailbox has used of its minute, and how long it has to rest, are not undone by a jump."""
    for _ in range(2):
        await desk.put()
    assert isinstance(await desk.store.claim(desk.seat(per_minute=2), lambda _: 0), Claim)
    await desk.store.clock_moved(DAY_MS)
    rest = await desk.store.claim(desk.seat(per_minute=2), lambda _: 0)
    assert isinstance(rest, Rest)
    assert rest.until is not None
    assert 20_000 < rest.until - now_ms() < 62_000


@pytest.mark.parametrize("jump", [-DAY_MS, DAY_MS])
async def test_a_rest_that_is_written_behind_a_jump_is_no_longer_for_it(desk: Desk, jump: int) -> None:
    """The clock moves in the writer's thread while the order to rest waits for its turn there."""
    await desk.put()
    moving = asyncio.ensure_future(desk.store.clock_moved(jump))
    resting = asyncio.ensure_future(desk.store.block(MAILBOX, now_ms() + SOON_MS))
    await asyncio.gather(moving, resting)
    rest = await desk.store.claim(desk.seat(), lambda _: 0)
    assert isinstance(rest, Rest)
    assert rest.until is not None
    assert 0 < rest.until - now_ms() <= SOON_MS


def test_whoever_stops_the_process_between_two_looks_has_set_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands still for a minute right after the system's clock was read."""
    passed, stops = [0], [60_000_000_000]

    def system() -> int:
        at = apart_ms() * 1_000_000 + passed[0]
        passed[0] += stops.pop() if stops else 0
        return at

    monkeypatch.setattr(time, "time_ns", system)
    monkeypatch.setattr(time, "clock_gettime_ns", lambda _: passed[0])
    assert jumped_ms() == 0


async def test_a_spool_that_cannot_follow_leaves_the_clock_where_it_was(desk: Desk) -> None:
    """The disk fails: times and clock stay together, and the next look tries again."""
    apart = apart_ms()
    await desk.store.close()
    with pytest.raises(SpoolError):
        await desk.store.clock_moved(DAY_MS)
    assert apart_ms() == apart
