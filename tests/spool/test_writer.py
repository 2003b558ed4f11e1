"""The writing thread: many operations to a commit, each with its own outcome, and an answer for everyone."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

import pytest

from relay.spool.store import SpoolError, SpoolFull
from relay.spool.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def connect_to(path: Path) -> Callable[[], sqlite3.Connection]:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("CREATE TABLE IF NOT EXISTS number (n INTEGER PRIMARY KEY)")
        return connection

    return connect


def add(n: int) -> Callable[[sqlite3.Connection], object]:
    return lambda connection: connection.execute("INSERT INTO number VALUES (?)", (n,)) and n


def numbers(path: Path) -> list[int]:
    with sqlite3.connect(path) as connection:
        return [row[0] for row in connection.execute("SELECT n FROM number ORDER BY n")]


async def test_whoever_fails_fails_alone(tmp_path: Path) -> None:
    """A breach of a key and a plain mistake stand among good ones; only the two hear of it."""
    path = tmp_path / "db"
    writer = Writer(connect_to(path), tmp_path / "ballast")

    def mistake(_: sqlite3.Connection) -> None:
        raise KeyError("what")

    jobs = [add(1), add(2), add(2), mistake, add(3)]
    outcomes = await asyncio.gather(*(writer.run("add", job) for job in jobs), return_exceptions=True)
    assert [outcomes[0], outcomes[1], outcomes[4]] == [1, 2, 3]
    assert isinstance(outcomes[2], SpoolError)
    assert "UNIQUE" in str(outcomes[2])
    assert isinstance(outcomes[3], SpoolError)
    assert "could not do add: KeyError" in str(outcomes[3])
    assert await writer.run("add", add(4)) == 4
    await writer.close()
    assert numbers(path) == [1, 2, 3, 4]


async def test_an_operation_without_its_commit_leaves_nothing(tmp_path: Path) -> None:
    """Half of an operation is undone."""
    writer = Writer(connect_to(tmp_path / "db"), tmp_path / "ballast")

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO number VALUES (7)")
        raise OSError(5, "Input/output error")

    with pytest.raises(SpoolError, match="Input/output error"):
        await writer.run("add", half)
    await writer.close()
    assert numbers(tmp_path / "db") == []


async def test_the_ballast_makes_room_for_an_outcome_but_not_for_new_mail(tmp_path: Path) -> None:
    """ "Delivered" must be written even on a full disk."""
    ballast = tmp_path / "ballast"
    ballast.write_bytes(b"x")
    writer = Writer(connect_to(tmp_path / "db"), ballast)

    def while_full(connection: sqlite3.Connection) -> str:
        if ballast.exists():
            raise OSError(28, "No space left on device")
        connection.execute("INSERT INTO number VALUES (1)")
        return "written"

    with pytest.raises(SpoolFull, match="No space left"):
        await writer.run("accept", while_full)
    assert ballast.exists()
    assert await writer.run("settle", while_full) == "written"
    await writer.close()
    assert numbers(tmp_path / "db") == [1]


async def test_a_database_that_cannot_be_opened_is_told_to_everyone_and_tried_again(tmp_path: Path) -> None:
    """Nobody waits for ever; when the disk is back, so is the spool."""
    down = True

    def connect() -> sqlite3.Connection:
        if down:
            raise sqlite3.OperationalError("unable to open database file")
        return connect_to(tmp_path / "db")()

    writer = Writer(connect, tmp_path / "ballast")
    with pytest.raises(SpoolError, match="unable to open"):
        await writer.run("add", add(1))
    down = False
    assert await writer.run("add", add(1)) == 1
    await writer.close()


async def test_what_was_handed_in_before_the_close_is_carried_out(tmp_path: Path) -> None:
    """And what comes after is refused."""
    writer = Writer(connect_to(tmp_path / "db"), tmp_path / "ballast")
    waiting = [asyncio.ensure_future(writer.run("add", add(n))) for n in range(300)]
    await asyncio.sleep(0)
    await writer.close()
    assert await asyncio.gather(*waiting) == list(range(300))
    with pytest.raises(SpoolError, match="closed"):
        await writer.run("add", add(1000))
