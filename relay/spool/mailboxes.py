"""What a mailbox has used, for whoever only reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.spool.queries import SQL

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True)
class MailboxRow:
    """What one mailbox has used; `blocked_until` is 0 when it does not rest, `pace` 1 when it is not slowed down."""

    name: str
    spent: int
    pace: float
    blocked_until: int
    sessions: int


def overview(connection: sqlite3.Connection, now: int) -> tuple[MailboxRow, ...]:
    """Every mailbox that was ever used; for whoever only reads."""
    rows = connection.execute(SQL.mailboxes, {"now": now, "window_from": now - 86_400_000})
    return tuple(
        MailboxRow(name, spent, pace, 0 if blocked <= now else blocked, sessions)
        for name, blocked, pace, _, spent, sessions in rows
    )
