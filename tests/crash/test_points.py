"""Each fault point alone: the relay dies right there, comes back, and the one message is where the promises say."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from relay.telemetry.faults import POINTS
from tests.crash.devices import Connection, Fate, Letter, Typist
from tests.crash.lives import drained

if TYPE_CHECKING:
    from tests.crash.lives import Lives
    from tests.crash.pretend import Pretend

LARGE = 200_000


@dataclass(frozen=True)
class Promise:
    """What holds after a death at a point: what the device may know, how many copies arrive, attempts in doubt."""

    fates: set[Fate]
    copies: set[int]
    doubts: frozenset[int] = frozenset({0})


NEVER_TAKEN = Promise({Fate.DOUBTFUL}, {0})
_ONE = frozenset({1})
TAKEN_UNTOLD = Promise({Fate.DOUBTFUL}, {1}, doubts=frozenset({0, 1}))  # a worker may have claimed it that moment
_ON_ITS_WAY = {Fate.DOUBTFUL, Fate.ACCEPTED}  # delivery starts while the device's 250 is still being written
PROMISES = {
    "spool.body-written": NEVER_TAKEN,
    "spool.body-synced": NEVER_TAKEN,
    "spool.body-renamed": NEVER_TAKEN,
    "spool.accept-before-commit": NEVER_TAKEN,
    "spool.accept-committed": TAKEN_UNTOLD,
    "smtpd.before-250": TAKEN_UNTOLD,
    "spool.claim-before-commit": Promise(_ON_ITS_WAY, {1}),
    "spool.claim-committed": Promise(_ON_ITS_WAY, {1}, doubts=_ONE),
    "transport.before-body": Promise(_ON_ITS_WAY, {1}, doubts=_ONE),
    "transport.after-body": Promise(_ON_ITS_WAY, {1, 2}, doubts=_ONE),  # whether the octets left the machine is chance
    "delivery.answered": Promise(_ON_ITS_WAY, {2}, doubts=_ONE),
    "spool.settle-before-commit": Promise(_ON_ITS_WAY, {2}, doubts=_ONE),
    "spool.settle-committed": Promise(_ON_ITS_WAY, {1}),
    "spool.body-removed": Promise(_ON_ITS_WAY, {1}),
}


def test_every_fault_point_has_its_promise():
    """A new point cannot be added without saying what holds after a death there."""
    assert set(PROMISES) == set(POINTS)


@pytest.mark.parametrize("point", POINTS)
async def test_a_message_survives_a_death_at(point: str, lives: Lives, cloud: Pretend):
    """Killed at one point, the next life finds exactly what was promised, and leaves no file behind."""
    promise = PROMISES[point]
    letter = await die_with_one_letter(lives, point)
    assert letter.fate in promise.fates
    await lives.start()
    await drained(lives, cloud)
    await lives.stop()
    files = [path for path in (cloud.directory / "arrived").glob("*.eml") if letter.token.encode() in path.read_bytes()]
    assert len(files) in promise.copies
    assert lives.body_files() == []
    assert lives.counts() == ({"delivered": 1} if files else {})
    assert doubts(lives) in promise.doubts


async def die_with_one_letter(lives: Lives, point: str) -> Letter:
    """One large letter to a relay that dies at the point."""
    await lives.start(f"{point}:kill")
    letter, body = Typist(point, 1).write(LARGE, ("ann@contoso.test",))
    connection = await Connection.to(lives.port)
    try:
        await connection.submit(letter, body)
    except OSError:
        pass
    finally:
        connection.close()
    assert await lives.ended() == -signal.SIGKILL, lives.tail()
    return letter


def doubts(lives: Lives) -> int:
    """How many attempts of the one message have no outcome."""
    items = [lives.item(row.id) for row in lives.rows("delivered")]
    return sum(not attempt.outcome for item in items if item for attempt in item.attempts)
