"""What the writing thread does for the spool's own sake while no mail waits for it: small steps, one at a time.

After a start every message that waits is looked at once, for damage. Pages that deleted mail left are given back to the
disk a few at a time (`incremental_vacuum`), and the write-ahead log is cut when it has grown. Under steady load one
step is done every quarter of a second all the same. Nobody waits longer for a commit than one step takes.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from relay.spool.database import NAME, is_damaged
from relay.spool.queries import SQL
from relay.spool.salvage import mark

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

    from relay.spool.damage import Inspector

PAGES_A_STEP = 128
SPARE_PAGES = 1024  # kept for the mail to come: it would only take them again
_LOG_BYTES = 8 << 20
_QUIET_S = 0.05
_AT_LEAST_S = 0.25
_WEIGHTLESS = frozenset({"claim", "leave", "pulse"})  # operations that leave the octets kept as they are


class Upkeep:
    """Is asked by the writing thread; `used_bytes` may be read by any thread."""

    def __init__(self, directory: Path, inspector: Inspector) -> None:
        self._directory = directory
        self._log = directory / f"{NAME}-wal"
        self._inspector = inspector
        self._inspecting = True
        self.used_bytes = 0
        self.damage = ""
        self._cut = False  # whether the log is to be cut so that the file shrinks
        self._stepped = 0.0

    def after_commit(self, connection: sqlite3.Connection, names: Iterable[str]) -> float | None:
        """Takes note of what was committed by these operations; how long to wait for work before the next step."""
        if not _WEIGHTLESS.issuperset(names):
            (self.used_bytes,) = connection.execute(SQL.kept_bytes).fetchone()
        return self.step(connection) if time.monotonic() - self._stepped > _AT_LEAST_S else _QUIET_S

    def failed(self, error: BaseException) -> None:
        """Whatever failed: a damaged database is marked, so that the next start salvages it."""
        if is_damaged(error) and not self.damage:
            self.damage = str(error)
            with contextlib.suppress(OSError):
                mark(self._directory, self.damage)

    def step(self, connection: sqlite3.Connection) -> float | None:
        """One small piece; how long to wait for work before the next, None when nothing is left to do."""
        self._stepped = time.monotonic()
        if self._inspecting:
            self._inspecting = self._inspector.step(connection)
            return 0.0
        spare = _spare(connection)
        if spare > 0:
            # Not by execute: it takes one step of a statement without columns, which is one page.
            connection.executescript(f"PRAGMA incremental_vacuum({min(spare, PAGES_A_STEP)})")
            self._cut = True
            return 0.0
        if self._cut or self._log_bytes() > _LOG_BYTES:
            self._cut = False
            _cut_log(connection)
        return None

    def _log_bytes(self) -> int:
        return self._log.stat().st_size if self._log.exists() else 0


def _spare(connection: sqlite3.Connection) -> int:
    """Free pages beyond those that are kept."""
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0]) - SPARE_PAGES


def _cut_log(connection: sqlite3.Connection) -> None:
    """Everything into the database, the log to nothing; who reads just now is not waited for."""
    (patience,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute("PRAGMA busy_timeout=0")
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.execute(f"PRAGMA busy_timeout={patience}")
