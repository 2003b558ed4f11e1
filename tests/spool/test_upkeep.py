"""What deleted mail leaves is given back in small steps while mail is taken; no table remembers it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bench.crowd import fill
from relay.spool.database import connect
from relay.spool.queries import SQL
from relay.spool.store import Settlement, State
from relay.spool.upkeep import PAGES_A_STEP, SPARE_PAGES
from tests.spool.conftest import LINES, MAILBOX, Desk
from tests.spool.test_store import delivered, now

if TYPE_CHECKING:
    from pathlib import Path

CROWD = 20_000
PAGE = 4096


class Steps:
    """Counts the pages that each step of upkeep gives back."""

    def __init__(self, desk: Desk) -> None:
        self.pages: list[int] = []
        self._step = desk.store._upkeep.step
        desk.store._upkeep.step = self.step  # type: ignore[method-assign]

    def step(self, connection: sqlite3.Connection) -> float | None:
        before = self._pages(connection)
        due = self._step(connection)
        self.pages.append(before - self._pages(connection))
        return due

    def _pages(self, connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA page_count").fetchone()[0])


def all_delivered(directory: Path) -> None:
    with closing(connect(directory / "spool.db")) as connection:
        connection.execute("UPDATE message SET state = 'delivered', settled_at = 1")
        connection.execute("DELETE FROM body")


async def test_the_file_shrinks_while_mail_is_taken(tmp_path: Path) -> None:
    """20 000 messages are forgotten; no step gives back more pages than it may, and every new message is kept."""
    directory = tmp_path / "spool"
    fill(directory, CROWD, files=False)
    all_delivered(directory)
    desk = Desk(directory, min_free_bytes=0)
    steps = Steps(desk)
    size = (directory / "spool.db").stat().st_size
    await desk.store.open()
    accepted = []
    while await desk.store.purge(now(), now()):
        accepted.append(await desk.put())
    while (directory / "spool.db").stat().st_size > (SPARE_PAGES + 200) * PAGE:
        accepted.append(await desk.put())
        await asyncio.sleep(0.06)  # devices are not always busy
    assert PAGES_A_STEP // 2 < max(steps.pages) <= PAGES_A_STEP + 1  # with them a page of the map of pages
    assert sum(steps.pages) > 2000
    assert size > 2 * (SPARE_PAGES + 200) * PAGE
    await desk.store.close()
    with closing(connect(directory / "spool.db")) as connection:
        assert {row[0] for row in connection.execute("SELECT id FROM message")} == set(accepted)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_the_log_is_cut_when_it_has_grown_and_nobody_works(tmp_path: Path) -> None:
    """Also while somebody reads: the reader is not waited for, the next idle moment does it."""
    desk = Desk(tmp_path / "spool", min_free_bytes=0)
    await desk.store.open()
    log = desk.directory / "spool.db-wal"
    with closing(sqlite3.connect(desk.directory / "spool.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute(SQL.count_states).fetchall()
        for _ in range(40):
            await asyncio.gather(*(desk.put(b"x" * 60_000) for _ in range(8)))
        assert log.stat().st_size > 8 << 20
        reader.execute("COMMIT")
    await desk.put()
    while log.stat().st_size:  # noqa: ASYNC110  (a thread does it, with no event)
        await asyncio.sleep(0.005)
    await desk.store.close()


TABLES = ("message", "body", "recipient", "attempt", "event", "notice")


@pytest.mark.parametrize("state", [State.DELIVERED, State.FAILED, State.DROPPED])
async def test_nothing_of_a_forgotten_message_is_left(state: State, desk: Desk) -> None:
    """In no table, nor on the disk; and not before its time."""
    message_id = await desk.put(LINES)
    claim = await desk.take()
    if state is State.DELIVERED:
        await desk.store.settle(claim, delivered("a@contoso.test"))
    else:
        await desk.store.settle(claim, Settlement(State.FAILED, "failed"))
    with closing(sqlite3.connect(desk.directory / "spool.db")) as connection, connection:
        connection.execute("UPDATE message SET state = ?", (state,))
        connection.execute("INSERT INTO event (message_id, at, n, what) VALUES (?, 1, 0, 'held')", (message_id,))
        connection.execute(
            "INSERT INTO notice (message_id, n, what, profile, cause, at) VALUES (?, 0, 'failed', 'scans', 'x', 1)",
            (message_id,),
        )
    assert await desk.store.purge(0, 0) == 0
    kept = state is not State.DELIVERED
    assert desk.bodies() == ([message_id] if kept else [])
    assert await desk.store.purge(*((0, now() + 1) if kept else (now() + 1, 0))) == 1
    await desk.store.close()
    assert desk.bodies() == []
    with closing(sqlite3.connect(desk.directory / "spool.db")) as connection:
        for table in TABLES:
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table


async def test_an_idle_spool_does_nothing(desk: Desk) -> None:
    """After the last step there is none until mail comes."""
    await desk.put()
    while desk.store._writer is not None and desk.store._writer._pause is not None:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    steps = Steps(desk)
    await desk.store.open_mailbox(MAILBOX)
    while not steps.pages:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    assert steps.pages == [0]
