"""The database of the spool: how it is opened for writing, and what its errors mean."""

from __future__ import annotations

import errno
import sqlite3
from typing import TYPE_CHECKING

from relay.spool.queries import STEPS
from relay.spool.schema import prepare
from relay.spool.store import SpoolBroken, SpoolError

if TYPE_CHECKING:
    from pathlib import Path

NAME = "spool.db"
_PRAGMAS = (
    "auto_vacuum=INCREMENTAL",
    "secure_delete=FAST",  # Debian's ON would write each page of a body once more, only to clear it
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=10000",
    "journal_size_limit=67108864",
    "temp_store=MEMORY",
)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_NO_RIGHT = (
    "give the directory and all in it to the relay's user, with the right to write; or, to try the relay out, set "
    "data_dir to one of your own"
)
_REMEDIES = {
    errno.EROFS: "its file system is mounted read-only: see what the kernel says of the disk, then mount it writable",
    errno.EACCES: _NO_RIGHT,
    errno.EPERM: _NO_RIGHT,
    errno.ENOSPC: "free room on that disk",
    errno.EDQUOT: "raise the quota of the relay's user on that disk",
    errno.EIO: "the disk fails: see what the kernel says of it, move data_dir to another one with all that can be read",
}
_CODES = {
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
}


def connect(path: Path) -> sqlite3.Connection:
    """The one connection that writes, its schema brought up to date. It belongs to the thread that calls this."""
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        prepare(connection)
        connection.executescript(STEPS)
    except BaseException:
        connection.close()
        raise
    return connection


def is_damaged(error: BaseException) -> bool:
    """Whether the database says that it is none, or a damaged one."""
    return _code(error) in _DAMAGED


def unopened(directory: Path, error: Exception) -> SpoolError:
    """Why the spool can't be opened, and what to do."""
    if is_damaged(error):
        return SpoolBroken(f"the database {directory / NAME} is damaged: {error}", directory / NAME)
    number = error.errno if isinstance(error, OSError) else _CODES.get(_code(error))
    return SpoolError(f"the spool at {directory} can't be opened: {error}", _REMEDIES.get(number or 0, ""))


def _code(error: BaseException) -> int:
    """The primary result code of SQLite; 0 for other errors."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
