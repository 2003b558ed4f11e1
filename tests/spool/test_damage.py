"""Damage to single messages: shown with its reason, never sent, and nobody else's mail waits for it."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

import pytest

from relay.spool.browse import Browser
from relay.spool.damage import ROWS_A_STEP, Inspector
from relay.spool.store import Rest
from tests.spool.conftest import LARGE, LINES, Desk, retry_at_once
from tests.spool.test_room import Heard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def altered(statement: str) -> Callable[[Desk, str], None]:
    """Damage done to rows, as a bad page or a bad hand would."""

    def alter(desk: Desk, message_id: str) -> None:
        with sqlite3.connect(desk.directory / "spool.db") as connection:
            assert connection.execute(statement, {"id": message_id}).rowcount >= 1

    return alter


def removed(desk: Desk, message_id: str) -> None:
    (desk.directory / "bodies" / message_id).unlink()


def cut(desk: Desk, message_id: str) -> None:
    with (desk.directory / "bodies" / message_id).open("r+b") as file:
        file.truncate(LARGE - 1)


def renumbered(column: str) -> Callable[[Desk, str], None]:
    return altered(f"UPDATE message SET {column} = -1 WHERE id = :id")


DAMAGES = {
    "file gone": (LINES, removed, "spool.body-missing", "the file of the body is gone"),
    "file cut": (LINES, cut, "spool.body-size", "the body has 199999 octets, 200000 were stored"),
    "small body cut": (
        b"hello\r\n",
        altered("UPDATE body SET content = x'00' WHERE message_id = :id"),
        "spool.body-size",
        "the body has 1 octets, 7 were stored",
    ),
    "no body row": (
        b"",
        altered("DELETE FROM body WHERE message_id = :id"),
        "spool.head-missing",
        "its header is gone from the database",
    ),
    "no recipients": (
        b"",
        altered("DELETE FROM recipient WHERE message_id = :id"),
        "spool.recipients-missing",
        "0 of its 1 recipients are left",
    ),
    "nobody to send it to": (
        b"",
        altered("UPDATE recipient SET state = 'delivered' WHERE message_id = :id"),
        "spool.recipients-missing",
        "no recipient is left to send it to",
    ),
    "a recipient that is two commands": (
        b"",
        altered("UPDATE recipient SET address = 'a@b' || char(13, 10) || 'QUIT' WHERE message_id = :id"),
        "spool.values",
        "a recipient can't be read: 'a@b\\r\\nQUIT'",
    ),
    "a recipient that is no text": (
        b"",
        altered("UPDATE recipient SET address = CAST(x'61ff62' AS TEXT) WHERE message_id = :id"),
        "spool.values",
        "its row can't be read: Could not decode to UTF-8 column",
    ),
    "a sender that is no text": (
        b"",
        altered("UPDATE message SET sender = CAST(x'ff' AS TEXT) WHERE id = :id"),
        "spool.values",
        "its row can't be read: Could not decode to UTF-8 column",
    ),
    "a size below zero": (b"", renumbered("size"), "spool.values", "its row has no usable size (-1)"),
    "a word for a number": (
        b"",
        altered("UPDATE message SET precedence = 'soon' WHERE id = :id"),
        "spool.values",
        "its row has no usable precedence ('soon')",
    ),
    "octets for a name": (
        b"",
        altered("UPDATE message SET mailbox = x'00' WHERE id = :id"),
        "spool.values",
        "its row has no usable mailbox (b'\\x00')",
    ),
}


def assert_shown(desk: Desk, message_id: str, reason: str) -> None:
    """As `relay queue` prints it."""
    row = next(row for row in Browser(desk.directory).list("corrupt") if row.id == message_id)
    assert row.next == "damaged: never sent"
    assert row.answer.startswith(reason)


@pytest.mark.parametrize("name", DAMAGES)
async def test_a_damaged_message_is_shown_and_the_next_one_claimed(name: str, desk: Desk) -> None:
    """In one step; with an event in its story."""
    body, damage, rule, reason = DAMAGES[name]
    heard = Heard()
    desk.store._journal = heard.journal()
    damaged = await desk.put(body)
    await asyncio.sleep(0.002)
    good = await desk.put()
    damage(desk, damaged)
    assert (await desk.take()).parcel.id == good
    assert await desk.store.claim(desk.seat(), retry_at_once) == Rest(None)
    assert_shown(desk, damaged, reason)
    (told,) = [fields for event, fields in heard if event == "message.corrupt"]
    assert (told["id"], told["reason"][: len(reason)]) == (damaged, reason)
    assert f"relay queue drop {damaged}" in told["remedy"]
    with sqlite3.connect(desk.directory / "spool.db") as connection:
        assert connection.execute("SELECT rule FROM message WHERE id = ?", (damaged,)).fetchone() == (rule,)
        assert connection.execute("SELECT message_id, what, who FROM event").fetchall() == [
            (damaged, "corrupt", "relay")
        ]


@pytest.mark.parametrize("value", ["'soon'", "CAST(x'ff' AS TEXT)"])
async def test_the_message_before_a_damaged_one_is_sent(value: str, desk: Desk) -> None:
    """A claim looks at what is next in line of its device, and blames nothing of it on the message it takes."""
    good = await desk.put()
    await asyncio.sleep(0.002)
    damaged = await desk.put()
    altered(f"UPDATE message SET due_at = {value} WHERE id = :id")(desk, damaged)
    assert (await desk.take()).parcel.id == good
    assert await desk.store.claim(desk.seat(), retry_at_once) == Rest(None)
    assert_shown(desk, damaged, "its row ")


@pytest.mark.parametrize("name", DAMAGES)
async def test_damage_is_found_after_a_start_without_a_claim(name: str, desk: Desk) -> None:
    """By the thread that writes, while nothing else is to do; a start is never stopped by it."""
    body, damage, _, reason = DAMAGES[name]
    damaged = await desk.put(body)
    good = [await desk.put() for _ in range(3)]
    await desk.store.close()
    damage(desk, damaged)
    again = Desk(desk.directory, min_free_bytes=0)
    await again.store.open()
    while again.store._upkeep._inspecting:  # noqa: ASYNC110  (a thread says so, with no event)
        await asyncio.sleep(0.005)
    assert_shown(again, damaged, reason)
    assert Browser(again.directory).counts() == {"corrupt": 1, "queued": len(good)}
    await again.store.close()


async def test_looking_for_damage_goes_by_small_steps(tmp_path: Path) -> None:
    """However many messages there are, none costs a commit its time."""
    desk = Desk(tmp_path / "spool", min_free_bytes=0)
    await desk.store.open()
    await asyncio.gather(*(desk.put() for _ in range(ROWS_A_STEP * 2 + 50)))
    await desk.store.close()
    inspector = Inspector(tmp_path)
    with sqlite3.connect(desk.directory / "spool.db", isolation_level=None) as connection:
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        steps = []
        more = True
        while more:
            more = inspector.step(connection)
            steps.append(len(asked))
            asked.clear()
    assert steps == [1 + ROWS_A_STEP, 1 + ROWS_A_STEP, 1 + 50]


async def test_many_damaged_messages_do_not_hold_the_writer_up(desk: Desk) -> None:
    """A claim looks at a few and gives others a turn."""
    for _ in range(60):
        await desk.put()
    good = await desk.put()
    with sqlite3.connect(desk.directory / "spool.db") as connection:
        connection.execute("UPDATE body SET head = 'x' WHERE message_id <> ?", (good,))
        connection.execute("UPDATE message SET due_at = due_at + 1 WHERE id = ?", (good,))
    first = await desk.store.claim(desk.seat(), retry_at_once)
    assert isinstance(first, Rest)
    assert first.until is not None
    assert Browser(desk.directory).counts()["corrupt"] == 50
    assert (await desk.take()).parcel.id == good


async def test_a_corrupt_message_stays_whole_over_starts(desk: Desk) -> None:
    """What is left of it is not swept, and it is not counted again."""
    damaged = await desk.put(LINES)
    cut(desk, damaged)
    assert isinstance(await desk.store.claim(desk.seat(), retry_at_once), Rest)
    await desk.store.close()
    again = Desk(desk.directory, min_free_bytes=0)
    recovered = await again.store.open()
    assert (recovered.damaged, recovered.swept) == (0, 0)
    assert again.bodies() == [damaged]
    await again.store.close()
