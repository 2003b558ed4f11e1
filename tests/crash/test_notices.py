"""A death between a failure and its notice: the next life tells it, once."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from relay.telemetry.faults import POINTS
from tests.crash.devices import Connection, Typist
from tests.crash.lives import drained

if TYPE_CHECKING:
    from tests.crash.lives import Lives
    from tests.crash.pretend import Pretend

# Where the relay dies, and how many notices may arrive. In doubt is only what was under way to Exchange.
DEATHS = {
    "spool.settle-committed": {1},
    "spool.notice-before-commit": {1},
    "spool.notice-committed": {1, 2},  # a worker may have claimed it in that moment
}


def test_every_fault_point_of_notices_is_here():
    """A new point cannot be added without saying what holds after a death there."""
    assert {point for point in POINTS if point.startswith("spool.notice")} <= set(DEATHS)


@pytest.mark.parametrize("point", DEATHS)
async def test_a_notice_is_neither_lost_nor_doubled_by_a_death_at(point: str, lives: Lives, cloud: Pretend):
    """One recipient is refused; the owner of the device hears of it from whichever life comes to it."""
    owner = f"{point}@contoso.test"
    lives.set("profile: pipes}\n", f"profile: pipes, owner: {owner}}}\n")
    lives.set("log: {format: json}", "log: {format: json}\nnotices: {failed: [owner], collect_s: 0.1}")
    await lives.start(f"{point}:kill")
    letter, body = Typist(point, 1).write(500, ("rcptto-550@contoso.test",))
    connection = await Connection.to(lives.port)
    await connection.submit(letter, body)
    connection.close()
    assert await lives.ended() == -signal.SIGKILL, lives.tail()
    await lives.start()
    arrived = await cloud.wait_for(owner)
    await drained(lives)
    await lives.stop()

    assert len(await cloud.wait_for(owner)) in DEATHS[point]
    assert arrived[0]["mail_from"] == ""
    assert {one["subject"] for one in arrived} == {f"Not delivered: scan {letter.token}"}
    assert lives.counts() == {"failed": 1, "delivered": 1}
    assert [event["originals"] for event in lives.events("notice.queued")] in ([], [[letter.queue_id]])
