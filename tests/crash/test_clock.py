"""The clock jumps while mail waits: nothing is lost, nothing expires for it, nothing waits for a time a jump ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.crash.clock import Clock
from tests.crash.devices import Connection, Fate, Letter, Typist
from tests.crash.lives import drained

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import NeedTool
    from tests.crash.lives import Lives
    from tests.crash.pretend import Pretend

HOUR, DAY = 3600, 86_400


@pytest.fixture
def clock(lives: Lives, tmp_path: Path, need_tool: NeedTool) -> Clock:
    """The clock of every life to come."""
    clock = Clock(tmp_path, need_tool("faketime"))
    lives.environment |= clock.environment
    return clock


async def hand_in(lives: Lives, typist: Typist, count: int) -> list[Letter]:
    connection = await Connection.to(lives.port)
    for _ in range(count):
        await connection.submit(*typist.write(500, ("clock@contoso.test",)))
    connection.close()
    return typist.letters


@pytest.mark.parametrize("jump", [3 * DAY, 20 * DAY, -2 * HOUR, -26 * HOUR], ids=["+3d", "+20d", "-2h", "-26h"])
async def test_mail_that_waits_outlives_a_jump_of_the_clock(jump: int, lives: Lives, cloud: Pretend, clock: Clock):
    """Exchange is down, the clock jumps, attempts go on failing; Exchange is back: old and new mail arrives once.

    Also after 20 days, which is more than `expire_after_s`: the mail is a second old, whatever the clock says.
    """
    typist = Typist(f"clock{jump}", 1)
    await cloud.switch(exchange="down")
    await lives.start()
    await hand_in(lives, typist, 3)
    await lives.logged("message.deferred")
    clock.set(jump)
    await lives.logged("clock.moved")
    letters = await hand_in(lives, typist, 2)
    await lives.next("message.deferred", 5)
    failed = lives.counts().get("failed", 0)
    await cloud.switch(exchange="up")
    await drained(lives)
    await lives.stop()
    assert failed == 0
    assert [letter.fate for letter in letters] == [Fate.ACCEPTED] * 5
    assert lives.counts() == {"delivered": 5}
    assert abs(lives.events("clock.moved")[0]["by_s"] - jump) <= 2


async def test_a_jump_is_no_way_around_the_limit_of_a_minute(lives: Lives, cloud: Pretend, clock: Clock):
    """The allowance of the minute is used up, the clock jumps ahead: the next message waits as if it had not."""
    lives.set("messages_per_minute: 0", "messages_per_minute: 2")
    lives.keep_one_lane()
    typist = Typist("minute", 1)
    await lives.start()
    await hand_in(lives, typist, 3)
    await lives.logged("message.delivered")
    clock.set(2 * HOUR)
    await lives.logged("clock.moved")
    await hand_in(lives, typist, 2)
    await lives.next("message.delivered", 2)
    await lives.stop()
    assert lives.counts() == {"delivered": 1, "queued": 4}
