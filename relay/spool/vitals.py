"""Two figures of the spool that somebody may have to be told of: how long mail waits, and what mailboxes have used."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.spool.queries import SQL
from relay.spool.store import SpoolError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_WINDOW_MS = 86_400_000 + 600_000  # a stretch of ten minutes counts until its end is a day old


@dataclass(frozen=True, slots=True)
class Vitals:
    """Seconds the oldest message waits (0: none does), and recipients of the last 24 hours by mailbox (lower case)."""

    oldest_s: float
    spent: Mapping[str, int]


def vitals(directory: Path, now_ms: int) -> Vitals:
    """Asks a connection that only reads. Raises `SpoolError`."""
    place = f"file:{directory / 'spool.db'}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(place, uri=True, timeout=10)) as spool:
            (oldest,) = spool.execute(SQL.oldest_waiting).fetchone()
            spent = spool.execute(SQL.spent_by_mailbox, {"window_from": now_ms - _WINDOW_MS}).fetchall()
    except sqlite3.Error as error:
        raise SpoolError(f"the spool at {directory} can't be read: {error}") from error
    age = 0 if oldest is None else max(0, now_ms - oldest) / 1000
    return Vitals(age, {mailbox.lower(): recipients for mailbox, recipients in spent})
