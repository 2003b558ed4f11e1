"""Each fault point alone: the relay dies right there, comes back, and the one message is where the promises say."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from relay.config.loader import load
from relay.control.orders import Order, Selection, Unreachable, give
from relay.telemetry.faults import POINTS
from tests.crash.account import read_copies
from tests.crash.devices import Connection, Fate, Letter, Typist
from tests.crash.lives import drained
from tests.crash.test_notices import DEATHS

if TYPE_CHECKING:
    from tests.crash.lives import Lives
    from tests.crash.pretend import Pretend

LARGE = 200_000


@dataclass(frozen=True)
class Promise:
    """What holds after a death at a point: what the device knows, how many copies arrive, attempts in doubt."""

    fate: Fate
    copies: set[int]
    doubts: set[int]


NEVER_TAKEN = Promise(Fate.DOUBTFUL, {0}, {0})
TAKEN_UNTOLD = Promise(Fate.DOUBTFUL, {1}, {0, 1})  # a worker may have claimed it in that moment
ON_ITS_WAY_IN = {
    "spool.body-written": NEVER_TAKEN,
    "spool.body-synced": NEVER_TAKEN,
    "spool.body-renamed": NEVER_TAKEN,
    "spool.accept-before-commit": NEVER_TAKEN,
    "spool.accept-committed": TAKEN_UNTOLD,
    "smtpd.before-250": TAKEN_UNTOLD,
}
ON_ITS_WAY_OUT = {
    "spool.claim-before-commit": Promise(Fate.ACCEPTED, {1}, {0}),
    "spool.claim-committed": Promise(Fate.ACCEPTED, {1}, {1}),
    "transport.before-body": Promise(Fate.ACCEPTED, {1}, {1}),
    "transport.after-body": Promise(Fate.ACCEPTED, {1, 2}, {1}),  # whether the octets left the machine is chance
    "delivery.answered": Promise(Fate.ACCEPTED, {2}, {1}),
    "spool.settle-before-commit": Promise(Fate.ACCEPTED, {2}, {1}),
    "spool.settle-committed": Promise(Fate.ACCEPTED, {1}, {0}),
    "spool.body-removed": Promise(Fate.ACCEPTED, {1}, {0}),
}
ON_AN_ORDER = {"spool.order-before-commit": "held", "spool.order-committed": "queued"}  # its state after a death


def test_every_fault_point_has_its_promise():
    """A new point cannot be added without saying what holds after a death there."""
    assert {*ON_ITS_WAY_IN, *ON_ITS_WAY_OUT, *ON_AN_ORDER, *DEATHS} == set(POINTS)


@pytest.mark.parametrize("point", ON_ITS_WAY_IN)
async def test_a_message_on_its_way_in_meets_a_death_at(point: str, lives: Lives, cloud: Pretend):
    """It was never taken, or arrives once; the device, who heard nothing, sends again in either case."""
    await lives.start(f"{point}:kill")
    letter = await hand_in(lives, point)
    assert await lives.ended() == -signal.SIGKILL, lives.tail()
    await keeps(ON_ITS_WAY_IN[point], letter, lives, cloud)


@pytest.mark.parametrize("point", ON_ITS_WAY_OUT)
async def test_an_accepted_message_meets_a_death_at(point: str, lives: Lives, cloud: Pretend):
    """It arrives, and what may have arrived twice has an attempt in doubt."""
    lives.keep_one_lane()
    await lives.start("spool.claim-before-commit:EIO")  # accepted, and not yet on its way
    letter = await hand_in(lives, point)
    await lives.stop()
    await lives.launch(f"{point}:kill")
    assert await lives.ended() == -signal.SIGKILL, lives.tail()
    await keeps(ON_ITS_WAY_OUT[point], letter, lives, cloud)


@pytest.mark.parametrize("point", ON_AN_ORDER)
async def test_an_order_meets_a_death_at(point: str, lives: Lives, cloud: Pretend):
    """It was carried out or it was not, and can be given again; the message arrives once."""
    lives.keep_one_lane()
    await lives.start("spool.claim-before-commit:EIO")
    letter = await hand_in(lives, point)
    await lives.stop()
    settings = load(lives.config)
    assert give(settings, Order.HOLD, Selection(), everything=True).count == 1
    await lives.start(f"{point}:kill")
    with pytest.raises(Unreachable, match="ended before it answered"):
        await asyncio.to_thread(give, settings, Order.RELEASE, Selection(), everything=True)
    assert await lives.ended() == -signal.SIGKILL, lives.tail()
    assert lives.counts() == {ON_AN_ORDER[point]: 1}
    give(settings, Order.RELEASE, Selection(), everything=True)
    await keeps(Promise(Fate.ACCEPTED, {1}, {0}), letter, lives, cloud)


async def hand_in(lives: Lives, point: str) -> Letter:
    """One large letter, to a relay that may die of it."""
    letter, body = Typist(point, 1).write(LARGE, ("ann@contoso.test",))
    connection = await Connection.to(lives.port)
    with contextlib.suppress(OSError):
        await connection.submit(letter, body)
    connection.close()
    return letter


async def keeps(promise: Promise, letter: Letter, lives: Lives, cloud: Pretend) -> None:
    """The next life, without faults, brings what was promised, and leaves no file behind."""
    await lives.start()
    await drained(lives)
    await lives.stop()
    copies = [copy for copy in read_copies(cloud.directory / "arrived") if copy.token == letter.token]
    assert letter.fate is promise.fate
    assert len(copies) in promise.copies
    assert {copy.sha256 for copy in copies} <= {letter.sha256}
    assert lives.body_files() == []
    assert lives.counts() == ({"delivered": 1} if copies else {})
    assert doubts(lives) in promise.doubts


def doubts(lives: Lives) -> int:
    """How many attempts of the one message have no outcome."""
    items = [lives.item(row.id) for row in lives.rows("delivered")]
    return sum(not attempt.outcome for item in items if item for attempt in item.attempts)
