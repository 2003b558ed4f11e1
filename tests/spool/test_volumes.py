"""How much each device handed in, told by the spool."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from relay.spool.browse import Browser
from relay.spool.queries import SQL

if TYPE_CHECKING:
    from tests.spool.conftest import Desk

DAY_MS = 86_400_000


async def test_volumes_are_of_the_last_day_and_week(desk: Desk) -> None:
    """In whatever state; what is older is only the last mail."""
    old, week, day = [await desk.put() for _ in range(3)]
    size = Browser(desk.directory).volumes()["copier"].day_octets // 3
    await desk.store.close()
    with sqlite3.connect(desk.directory / "spool.db") as connection:
        for name, days in ((old, 8), (week, 2)):
            connection.execute(
                "UPDATE message SET state = 'failed', received_at = received_at - ? WHERE id = ?", (days * DAY_MS, name)
            )
        plan = str(connection.execute(f"EXPLAIN QUERY PLAN {SQL.volumes}", {"day": 0, "week": 0}).fetchall())
    copier = Browser(desk.directory).volumes()["copier"]
    assert (copier.kept, copier.week, copier.day, copier.last_id) == (3, 2, 1, day)
    assert (copier.week_octets, copier.day_octets) == (2 * size, size)
    assert "COVERING INDEX" in plan  # no content is read for it
