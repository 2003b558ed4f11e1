"""A database with damaged pages: everything that can be read is saved, what can't is told, and nothing vanishes."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from relay.spool import salvage as salvaging
from relay.spool.browse import Browser
from relay.spool.salvage import MARK
from relay.spool.store import Claim, Rest, Settlement, SpoolError, State
from tests.spool.conftest import LINES, MAILBOX, Desk, retry_at_once
from tests.spool.test_room import Heard, added_up
from tests.spool.test_store import delivered, now

if TYPE_CHECKING:
    from pathlib import Path

PAGE = 4096
MESSAGES = 120


async def filled(directory: Path) -> list[str]:
    """A spool with mail in every state, closed; the ids of what still waits."""
    desk = Desk(directory, min_free_bytes=0)
    await desk.store.open()
    await desk.store.open_mailbox(MAILBOX)
    first = [await desk.put(b"done\r\n") for _ in range(3)]
    for state in (State.DELIVERED, State.FAILED, State.QUEUED):
        claim = await desk.take()
        due = now() + 3_600_000
        await desk.store.settle(
            claim, delivered("a@contoso.test") if state is State.DELIVERED else Settlement(state, "x", due_at=due)
        )
    waiting = await asyncio.gather(*(desk.put(LINES if n % 10 == 0 else b"x" * 400) for n in range(MESSAGES)))
    await desk.store.close()
    rows = Browser(directory).list(limit=1000)
    assert len(rows) == MESSAGES + 1
    assert set(waiting) < {row.id for row in rows}
    assert len(first) == 3
    return [row.id for row in rows]


def pages_of(database: Path, name: str) -> list[int]:
    """The leaf and inner pages of a table or index, in the order in which they are reached, without the root."""
    with sqlite3.connect(database) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    octets = database.read_bytes()

    def children(number: int) -> list[int]:
        page = octets[(number - 1) * PAGE : number * PAGE]
        if page[0] not in (2, 5):
            return []
        cells = int.from_bytes(page[3:5], "big")
        pointers = [int.from_bytes(page[12 + 2 * n : 14 + 2 * n], "big") for n in range(cells)]
        found = [int.from_bytes(page[at : at + 4], "big") for at in pointers]
        return [*found, int.from_bytes(page[8:12], "big")]

    reached, todo = [], children(root)
    while todo:
        number = todo.pop(0)
        assert number <= pages
        reached.append(number)
        todo += children(number)
    return reached


def spoil(database: Path, *numbers: int) -> None:
    with database.open("r+b") as file:
        for number in numbers:
            file.seek((number - 1) * PAGE)
            file.write(b"\xff" * PAGE)


def bodies_in(directory: Path) -> set[str]:
    return {path.name for path in (directory / "bodies").iterdir()}


class Found:
    """What the next start makes of a spool."""

    def __init__(self, directory: Path) -> None:
        self.heard = Heard()
        self.desk = Desk(directory, self.heard.journal(), min_free_bytes=0)

    async def start(self) -> dict[str, Any]:
        await self.desk.store.open()
        await self.desk.store.open_mailbox(MAILBOX)
        (told,) = [fields for event, fields in self.heard if event == "spool.damaged"]
        return told

    async def all_taken(self) -> set[str]:
        """The ids of what can be sent, each with all its octets."""
        await self.desk.store.resume("scans")
        taken = set()
        while isinstance(found := await self.desk.store.claim(self.desk.seat(), retry_at_once), Claim):
            body = found.parcel.body
            octets = body if isinstance(body, bytes) else body.read_bytes()
            assert len(octets) == found.parcel.body_size
            taken.add(found.parcel.id)
        return taken

    def corrupt(self) -> set[str]:
        return {row.id for row in Browser(self.desk.directory).list("corrupt", 1000)}


@pytest.fixture
async def spool(tmp_path: Path) -> tuple[Path, list[str]]:
    """A filled spool under a directory of its own."""
    directory = tmp_path / "spool"
    return directory, await filled(directory)


@pytest.mark.parametrize("where", [0.0, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("name", ["message", "body", "recipient", "message_due", "message_state", "attempt", "event"])
async def test_no_waiting_message_vanishes_with_a_damaged_page(
    name: str, where: float, spool: tuple[Path, list[str]]
) -> None:
    """Whichever table or index the page is of: each message can be sent, or is shown as corrupt."""
    directory, waiting = spool
    pages = pages_of(directory / "spool.db", name)
    if pages:
        spoil(directory / "spool.db", pages[round(where * (len(pages) - 1))])
    else:  # the whole table is its root
        with sqlite3.connect(directory / "spool.db") as connection:
            (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        spoil(directory / "spool.db", root)
    (directory / MARK).write_text("20260101T000000Z database disk image is malformed\n")
    found = Found(directory)
    told = await found.start()
    while found.desk.store._upkeep._inspecting:  # noqa: ASYNC110  (a thread says so, with no event)
        await asyncio.sleep(0.005)
    sent, corrupt = await found.all_taken(), found.corrupt()
    assert sent | corrupt >= set(waiting)
    assert not sent & corrupt
    assert len(sent) >= MESSAGES // 3
    assert told["reason"] == "database disk image is malformed"
    assert found.desk.store.room().used_bytes == added_up(found.desk)
    assert not (directory / MARK).exists()
    await found.desk.store.close()


async def test_damage_in_an_index_costs_nothing(spool: tuple[Path, list[str]]) -> None:
    """Indexes are made anew."""
    directory, waiting = spool
    spoil(directory / "spool.db", *pages_of(directory / "spool.db", "message_state"))
    (directory / MARK).write_text("20260101T000000Z malformed\n")
    found = Found(directory)
    told = await found.start()
    assert (told["corrupt"], told["lost"], told["saved"]) == (0, 0, len(waiting) + 2)
    assert await found.all_taken() == set(waiting)
    with sqlite3.connect(directory / "spool.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    await found.desk.store.close()


@pytest.mark.parametrize("octets", [b"\xff" * PAGE, b"\0" * PAGE, b"", b"SQLite format 3\0" + b"\7" * 84])
async def test_a_database_without_a_beginning_leaves_its_bodies(octets: bytes, spool: tuple[Path, list[str]]) -> None:
    """Nothing can be read: the relay starts, every large body is a corrupt item, none is swept."""
    directory, _ = spool
    bodies = bodies_in(directory)
    assert len(bodies) == MESSAGES // 10
    with (directory / "spool.db").open("r+b") as file:
        file.write(octets)
        if not octets:
            file.truncate(0)
    found = Found(directory)
    try:
        told = await found.start()
        assert told["saved"] == 0
    except ValueError:  # an empty file is a new database to SQLite: nothing to salvage
        assert octets == b""
    assert found.corrupt() == bodies == set(found.desk.bodies())
    assert (await found.desk.put(b"new\r\n")) not in bodies
    await found.desk.store.close()


async def test_a_database_that_is_gone_leaves_its_bodies(spool: tuple[Path, list[str]]) -> None:
    """Somebody moved the file alone away: what it knew is lost, the bodies are shown and kept."""
    directory, _ = spool
    (directory / "spool.db").unlink()
    bodies = bodies_in(directory)
    desk = Desk(directory, min_free_bytes=0)
    assert (await desk.store.open()).damaged == len(bodies)
    (row, *_) = Browser(directory).list("corrupt")
    assert row.answer == "its row was lost with a damaged database; left are: body, 0 recipients"
    assert {row.id for row in Browser(directory).list("corrupt")} == bodies == set(desk.bodies())
    await desk.store.close()


async def test_damage_met_while_running_is_salvaged_by_the_next_start(spool: tuple[Path, list[str]]) -> None:
    """No mail is taken any more, it is told once, and whoever runs the relay is asked to end it."""
    directory, waiting = spool
    ends: list[str] = []
    found = Found(directory)
    found.desk.store._on_broken = lambda: ends.append("now")
    spoil(directory / "spool.db", *pages_of(directory / "spool.db", "body")[-3:])
    await found.desk.store.open()
    for _ in range(2):
        with pytest.raises(SpoolError, match="malformed"):
            await found.all_taken()
    assert ends == ["now"]
    assert found.heard.names().count("spool.broken") == 1
    assert "is damaged: " in found.desk.store.room().refusing
    await found.desk.store.close()
    again = Found(directory)
    await again.start()
    assert await again.all_taken() | again.corrupt() >= set(waiting)
    await again.desk.store.close()


@pytest.mark.parametrize("point", ["rename", "rebuilt", "installed"])
async def test_a_crash_within_a_salvage_loses_nothing(
    point: str, spool: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next start goes on where it was."""
    directory, waiting = spool
    spoil(directory / "spool.db", pages_of(directory / "spool.db", "recipient")[0])
    (directory / MARK).write_text("20260101T000000Z malformed\n")
    if point == "rename":  # the log was moved, the database not yet
        shutil.copy(directory / "spool.db", directory / "spool.db-wal.copy")
        (directory / "spool.db-wal").write_bytes(b"")
        (directory / "spool.db-wal").rename(directory / "spool.db.damaged-20260101T000000Z-wal")
        (directory / "spool.db-wal.copy").unlink()
    with monkeypatch.context() as patched:
        if point == "rebuilt":
            patched.setattr(salvaging._Rescue, "run", lambda _: 1 / 0)
        if point == "installed":
            patched.setattr("relay.spool.opening.recover", lambda *_, **__: 1 / 0)
        if point != "rename":
            died = Desk(directory, min_free_bytes=0)
            with pytest.raises(ZeroDivisionError):
                await died.store.open()
            await died.store.close()
    found = Found(directory)
    await found.start()
    assert await found.all_taken() | found.corrupt() >= set(waiting)
    assert await found.desk.store.claim(found.desk.seat(), retry_at_once) == Rest(None)
    await found.desk.store.close()
