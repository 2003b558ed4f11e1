"""The crash test: many messages under load, many SIGKILLs, at random moments and at every fault point; then the sum.

RELAY_CRASH_SEED repeats a run's dice (the machine's own timing stays chance); RELAY_CRASH_KILLS makes it longer.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from tests.crash.account import Account
from tests.crash.devices import Fate
from tests.crash.lives import drained
from tests.crash.storm import Storm

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.lives import Lives
    from tests.crash.pretend import Pretend

KILLS = max(50, int(os.environ.get("RELAY_CRASH_KILLS", "50")))
ACCEPTED = 2000
SEED = int(os.environ.get("RELAY_CRASH_SEED") or random.SystemRandom().randrange(1 << 32))


@pytest.mark.timeout(max(300, KILLS * 10))
async def test_nothing_accepted_is_lost_by_killing(
    lives: Lives, cloud: Pretend, record_property: Callable[[str, object], None]
):
    """Every accepted message has arrived or is spooled, whole; every duplicate has an attempt that explains it."""
    print(f"RELAY_CRASH_SEED={SEED}")
    storm = Storm(lives, cloud, SEED)
    await storm.rage(kills=KILLS, accepted=ACCEPTED)
    await cloud.clear_faults()
    await lives.start()
    await drained(lives, seconds=120 + KILLS)
    await lives.stop()
    second = await lives.start()
    await lives.stop()

    account = Account(storm.letters(), lives, cloud.directory / "arrived")
    table = account.table(storm.kills, SEED)
    print(table)
    record_property("table", table)
    assert account.lost == []
    assert account.altered == []
    assert account.unexplained == []
    assert account.uninvited == []
    assert len(account.of(Fate.ACCEPTED)) >= ACCEPTED
    assert storm.kills.total() >= KILLS
    assert storm.points_missed() == []
    assert (second["interrupted"], second["swept"], second["damaged"]) == (0, 0, 0)
    assert lives.body_files() == account.files_owed
    assert [event for name in ("session.failed", "profile.paused") for event in lives.events(name)] == []
