"""The system's clock was set: all times of the spool move along, and the relay's clock with them.

`move` is an operation of the writer thread, so that every other one dates either before it or after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.policy.budget import BUCKET_MS
from relay.spool.queries import SQL
from relay.telemetry.clock import now_ms, stand_apart

if TYPE_CHECKING:
    import sqlite3

_TIMES = (
    SQL.move_messages, SQL.move_attempts, SQL.move_mailboxes, SQL.move_pauses, SQL.move_slots, SQL.move_notices,
    SQL.move_spent_aside, SQL.move_spent,
)  # fmt: skip


def move(connection: sqlite3.Connection, by_ms: int, apart: int) -> None:
    """`by_ms`: how far forward, or back when negative; `apart`: where the clock stands. May be tried again."""
    _move(connection, by_ms)
    stand_apart(apart + by_ms)


def catch_up(connection: sqlite3.Connection) -> None:
    """At the start: what happened in the future was dated by a clock that has been put back since."""
    newest = connection.execute(SQL.newest_event).fetchone()[0]
    ahead_ms = (newest or 0) - now_ms()
    if ahead_ms > 0:
        _move(connection, -ahead_ms)


def _move(connection: sqlite3.Connection, by_ms: int) -> None:
    stretches = round(by_ms / BUCKET_MS) * BUCKET_MS
    for statement in _TIMES:
        connection.execute(statement, {"by": by_ms, "stretches": stretches})
