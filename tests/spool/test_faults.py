"""Why a spool can't be opened, and what to do about it: said for each thing that happens to disks."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

from relay.spool.database import unopened
from relay.spool.store import SpoolBroken, SpoolError
from relay.spool.writer import Writer
from tests.spool.conftest import Desk
from tests.spool.test_browse import without_rights

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM = {
    errno.EROFS: "mounted read-only",
    errno.EACCES: "to the relay's user",
    errno.ENOSPC: "free room on that disk",
    errno.EDQUOT: "quota of the relay's user",
    errno.EIO: "the disk fails",
    errno.ENOTDIR: "",
}
SQLITE = {
    sqlite3.SQLITE_READONLY_DBMOVED: "mounted read-only",
    sqlite3.SQLITE_CANTOPEN: "to the relay's user",
    sqlite3.SQLITE_FULL: "free room on that disk",
    sqlite3.SQLITE_IOERR_FSYNC: "the disk fails",
    sqlite3.SQLITE_BUSY: "",
}


@pytest.mark.parametrize("number", SYSTEM)
def test_what_the_system_says_has_its_remedy(number: int, tmp_path: Path) -> None:
    """The text is the system's own; where nothing is known the switchboard has a general word."""
    error = unopened(tmp_path, OSError(number, os.strerror(number), str(tmp_path)))
    assert os.strerror(number) in str(error)
    assert SYSTEM[number] in error.remedy
    assert bool(SYSTEM[number]) is bool(error.remedy)


@pytest.mark.parametrize("code", SQLITE)
def test_what_the_database_says_has_its_remedy(code: int, tmp_path: Path) -> None:
    """Extended codes count as what they are a kind of."""
    said = sqlite3.OperationalError("as it says")
    said.sqlite_errorcode = code
    error = unopened(tmp_path, said)
    assert f"{tmp_path} can't be opened: as it says" in str(error)
    assert SQLITE[code] in error.remedy
    assert bool(SQLITE[code]) is bool(error.remedy)


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    """When it could not be salvaged."""
    said = sqlite3.DatabaseError("database disk image is malformed")
    said.sqlite_errorcode = sqlite3.SQLITE_CORRUPT_INDEX
    error = unopened(tmp_path, said)
    assert isinstance(error, SpoolBroken)
    assert f"restore {tmp_path / 'spool.db'} from a backup" in error.remedy


async def test_a_spool_of_somebody_else_is_told_with_its_remedy(tmp_path: Path) -> None:
    """As another user than the relay's: nothing is made, nothing opened."""
    desk = Desk(tmp_path / "spool", min_free_bytes=0)
    os.chmod(tmp_path, 0o700 if os.geteuid() == 0 else 0o500)  # noqa: PTH101
    with without_rights(), pytest.raises(SpoolError, match="Permission denied") as caught:
        await desk.store.open()
    await desk.store.close()
    assert "to the relay's user" in caught.value.remedy


class Sticky(sqlite3.Connection):
    """Its last checkpoint fails."""

    def close(self) -> None:
        super().close()
        raise sqlite3.OperationalError("disk I/O error")


async def test_a_disk_that_fails_at_the_close_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was accepted is durable already; the thread ends as ever."""
    died: list[object] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    database = tmp_path / "db"
    writer = Writer(lambda: sqlite3.connect(database, isolation_level=None, factory=Sticky), tmp_path / "ballast")
    await writer.run("make", lambda connection: connection.execute("CREATE TABLE kept (n)") and None)
    await writer.close()
    assert died == []
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("kept",)]
