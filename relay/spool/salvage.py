"""A damaged database, saved row by row: it is moved aside, what can be read goes into a new one, the relay starts.

Whoever meets the damage leaves a mark; the next start finds it and salvages, and a crash in between begins again where
it was. Tables are read from both ends up to the damage; behind it each message is asked for by its id, which its rows
in other tables, the indexes, and its body file know. A message whose row can't be read, but of which something is
left, becomes `corrupt`. No body is thrown away.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from relay.spool.bodyfile import sync_directory
from relay.spool.database import NAME, connect
from relay.spool.orphans import adopt, is_body
from relay.spool.queries import SQL
from relay.spool.store import SpoolError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SALVAGE = "the relay ends; its next start moves that database aside and saves all that can be read"
MARK = "damaged"
_MOST_ASIDE = 3
_OF_A_MESSAGE = ("body", "recipient", "attempt", "notice", "event")
_NOT_COPIED = ("message", "kept", "schema_version", *_OF_A_MESSAGE)  # the second by triggers


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What came of it: `saved` messages whole, `corrupt` ones in part, `lost` records of which only the id is known."""

    aside: Path
    reason: str
    saved: int
    corrupt: int
    lost: int

    @property
    def remedy(self) -> str:
        return (
            f"`relay queue list --state corrupt` shows what could not be saved whole; the damaged database is kept as "
            f"{self.aside}: remove it when nothing is missing; see what the kernel says of the disk, it may fail again"
        )


def mark(directory: Path, reason: str) -> None:
    """From now on the database counts as damaged: the next start salvages it. Raises `OSError`."""
    path = directory / MARK
    if not path.exists():
        path.write_text(f"{datetime.now(UTC):%Y%m%dT%H%M%SZ} {reason}\n")
        sync_directory(directory)


def unmark(directory: Path) -> None:
    """The new database is in use. Raises `OSError`."""
    (directory / MARK).unlink(missing_ok=True)
    sync_directory(directory)


def salvage(directory: Path) -> Salvaged | None:
    """A new database in the place of a marked one; None when none is marked. Raises `OSError`, `SpoolError`."""
    if not (directory / MARK).exists():
        return None
    when, _, reason = (directory / MARK).read_text().strip().partition(" ")
    aside = directory / f"{NAME}.damaged-{when}"
    if not aside.exists():
        _move_aside(directory, aside)
    lost = 0
    if not (directory / NAME).exists():
        lost = _rebuild(directory, aside)
    with closing(connect(directory / NAME)) as target:
        counts = dict(target.execute(SQL.count_states).fetchall())
    corrupt = counts.pop("corrupt", 0)
    return Salvaged(aside, reason, sum(counts.values()), corrupt, lost)


def _move_aside(directory: Path, aside: Path) -> None:
    """The database last: with it gone, all are."""
    if len(list(directory.glob(f"{NAME}.damaged-*Z"))) >= _MOST_ASIDE:
        raise SpoolError(
            f"the database at {directory} is damaged again, after {_MOST_ASIDE} that were moved aside",
            f"the disk fails, or its memory: move data_dir to another one, then remove {directory / NAME}.damaged-*",
        )
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            (directory / (NAME + suffix)).rename(f"{aside}{suffix}")
    sync_directory(directory)


def _rebuild(directory: Path, aside: Path) -> int:
    """How many messages are known by their id only."""
    fresh = directory / f"{NAME}.salvaged"
    for suffix in ("", "-wal", "-shm"):
        (directory / (fresh.name + suffix)).unlink(missing_ok=True)
    with closing(connect(fresh)) as target, closing(_damaged(aside)) as source:
        target.execute("BEGIN IMMEDIATE")
        lost = _Rescue(source, target, directory / "bodies").run()
        target.execute("COMMIT")
    fresh.rename(directory / NAME)
    sync_directory(directory)
    return lost


def _damaged(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, isolation_level=None)
    connection.text_factory = lambda octets: octets.decode("utf-8", "replace")
    return connection


class _Readable:
    """The rows of a statement up to the first that can't be read; then `whole` is false."""

    def __init__(self, source: sqlite3.Connection, asked: str, values: tuple[str, ...] = ()) -> None:
        self._source = source
        self._asked = asked
        self._values = values
        self.whole = True

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._source.execute(self._asked, self._values)
        except sqlite3.Error:
            self.whole = False


class _Rescue:
    """From one database into another."""

    def __init__(self, source: sqlite3.Connection, target: sqlite3.Connection, bodies: Path) -> None:
        self._source = source
        self._target = target
        self._bodies = bodies

    def run(self) -> int:
        for (table,) in self._target.execute(SQL.tables).fetchall():
            if table not in _NOT_COPIED:
                self._copy(table)
        holed = [table for table in ("message", *_OF_A_MESSAGE) if not self._copy(table)]
        if not holed:
            return 0
        known = self._known()
        for table in holed:
            self._fetch(table, known)
        without = [name for name in sorted(known) if not self._has(name)]
        left = [name for name in without if not adopt(self._target, name, self._bodies / name)]
        for table in _OF_A_MESSAGE:
            self._target.execute(f"DELETE FROM {table} WHERE message_id NOT IN (SELECT id FROM message)")  # noqa: S608
        return len(left)

    def _copy(self, table: str) -> bool:
        """Reads from both ends; whether all of it could be read."""
        key, columns = self._shape(table)
        if not columns:
            return False
        listed = ", ".join(columns)
        whole = False
        for order in ("ASC", "DESC"):
            ordered = ", ".join(f"{name} {order}" for name in key)
            whole = self._take(table, columns, f"SELECT {listed} FROM {table} ORDER BY {ordered}")  # noqa: S608
            if whole:
                break
        return whole

    def _fetch(self, table: str, known: set[str]) -> None:
        """One message after the other, whichever can be read."""
        key, columns = self._shape(table)
        if columns:
            asked = f"SELECT {', '.join(columns)} FROM {table} WHERE {key[0]} = ?"  # noqa: S608
            for name in known:
                self._take(table, columns, asked, (name,))

    def _take(self, table: str, columns: list[str], asked: str, values: tuple[str, ...] = ()) -> bool:
        """Whether all that was asked for could be read. Raises `sqlite3.Error` for what the new database says."""
        places = ", ".join("?" * len(columns))
        put = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608
        rows = _Readable(self._source, asked, values)
        for row in rows:
            self._target.execute(put, row)
        return rows.whole

    def _shape(self, table: str) -> tuple[list[str], list[str]]:
        """The key, and the columns that both have; none when the damaged one has no such table that could be read."""
        wanted = self._target.execute(f"PRAGMA table_info({table})").fetchall()
        there = {row[1] for row in _Readable(self._source, f"PRAGMA table_info({table})")}
        key = [row[1] for row in sorted(wanted, key=lambda row: row[5]) if row[5]]
        return key, [row[1] for row in wanted if row[1] in there]

    def _known(self) -> set[str]:
        """The id of every message that anything still speaks of."""
        known = {path.name for path in self._bodies.iterdir() if is_body(path.name)}
        for table in _OF_A_MESSAGE:
            known.update(row[0] for row in self._target.execute(f"SELECT message_id FROM {table}"))  # noqa: S608
        for name in self._indexes():
            for order in ("ASC", "DESC"):
                known.update(self._ids_in(name, order))
        return known

    def _indexes(self) -> list[str]:
        asked = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'message' AND sql IS NOT NULL"
        return [row[0] for row in _Readable(self._source, asked)]

    def _ids_in(self, index: str, order: str) -> set[str]:
        columns = [row[2] for row in _Readable(self._source, f"PRAGMA index_info({index})")]
        ordered = ", ".join(f"{column} {order}" for column in columns) or "id"
        rows = _Readable(self._source, f"SELECT id FROM message INDEXED BY {index} ORDER BY {ordered}")  # noqa: S608
        return {str(name) for (name,) in rows if is_body(str(name))}

    def _has(self, message_id: str) -> bool:
        return self._target.execute("SELECT 1 FROM message WHERE id = ?", (message_id,)).fetchone() is not None
