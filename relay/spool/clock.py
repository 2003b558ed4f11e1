"""The system's clock was set: all times of the spool move along, and the relay's clock with them.

`move` is an operation of the writer thread, so that every other one dates either before it or after it. Ages follow a
clock only as far as it is ahead of the one of the start: when one that was wrong at the start is put right backwards,
mail of earlier lives, dated by a right one, must not grow older by that. It is rather too young than too old.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.policy.budget import BUCKET_MS
from relay.spool.queries import SQL
from relay.telemetry.clock import lead_ms, now_ms, stand_apart

if TYPE_CHECKING:
    import sqlite3

_TIMES = (
    SQL.move_messages, SQL.move_attempts, SQL.move_mailboxes, SQL.move_pauses, SQL.move_slots, SQL.move_notices,
    SQL.move_spent_aside, SQL.move_spent,
)  # fmt: skip
_FUTURE = (
    SQL.messages_ahead, SQL.attempts_ahead, SQL.mailboxes_ahead, SQL.pauses_ahead, SQL.notices_ahead,
)  # fmt: skip


def move(connection: sqlite3.Connection, by_ms: int, apart: int) -> None:
    """`by_ms`: how far forward, or back when negative; `apart`: where the clock stands. May be tried again."""
    aged = lead_ms(apart + by_ms) - lead_ms(apart)
    stretches = round(aged / BUCKET_MS) * BUCKET_MS
    for statement in _TIMES:
        connection.execute(statement, {"by": by_ms, "aged": aged, "stretches": stretches})
    stand_apart(apart + by_ms)


def catch_up(connection: sqlite3.Connection) -> None:
    """At the start: what happened in the future was dated by a clock that has been put back since."""
    now, newest = now_ms(), connection.execute(SQL.newest_event).fetchone()[0]
    if newest > now:
        for statement in _FUTURE:
            connection.execute(statement, {"now": now, "ahead": newest - now})
