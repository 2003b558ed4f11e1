"""The system's clock was set: all times of the spool move along, and the relay's clock with them.

An operation of the writer thread, so that every other one dates either before it or after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.spool.queries import SQL
from relay.telemetry.clock import stand_apart

if TYPE_CHECKING:
    import sqlite3


def move(connection: sqlite3.Connection, by_ms: int, apart: int) -> None:
    """`by_ms`: how far forward, or back when negative; `apart`: where the clock stands. May be tried again."""
    values = {"by": by_ms}
    for statement in (SQL.move_messages, SQL.move_mailboxes, SQL.move_pauses, SQL.move_slots, SQL.move_notices):
        connection.execute(statement, values)
    stand_apart(apart + by_ms)
