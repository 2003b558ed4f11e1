"""The guard at the door: refuses and takes with a band, tells each change once, and its count of octets is exact."""

from __future__ import annotations

import os
import sqlite3
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from relay.spool import room as guard
from relay.spool.store import RecipientResult, Settlement, SpoolFull, State
from relay.telemetry.journal import Journal
from tests.spool.conftest import HEAD, LINES, Desk
from tests.spool.test_store import delivered, now

if TYPE_CHECKING:
    from pathlib import Path


class Heard(list[tuple[str, dict[str, Any]]]):
    """What the journal told."""

    def journal(self) -> Journal:
        journal = Journal(SimpleNamespace())  # type: ignore[arg-type]  (listeners hear it, nobody writes it)
        journal.tell(lambda event, fields: self.append((event, fields)))
        return journal

    def names(self) -> list[str]:
        return [event for event, _ in self]


def refused(desk: Desk, size: int = 0) -> SpoolFull:
    with pytest.raises(SpoolFull) as caught:
        desk.store.check_room(size)
    return caught.value


async def test_a_full_spool_refuses_and_takes_again_below_nine_tenths(tmp_path: Path) -> None:
    """Each change is told once, with figures and a remedy."""
    heard = Heard()
    desk = Desk(tmp_path, heard.journal(), min_free_bytes=0, max_bytes=4 * len(LINES))
    await desk.store.open()
    ids = [await desk.put(LINES) for _ in range(4)]
    for _ in range(3):
        assert "more mail in the spool" in str(refused(desk))
    assert "spool.max_bytes" in refused(desk).remedy
    await desk.store.open_mailbox("scanner@contoso.test")
    await desk.store.settle(await desk.take(), delivered("a@contoso.test"))
    desk.store.check_room()
    desk.store.check_room()
    assert heard.names() == ["spool.refusing", "spool.accepting"]
    assert heard[0][1]["used_bytes"] == 4 * (len(LINES) + len(HEAD) + 2)
    assert heard[0][1]["remedy"]
    assert len(ids) - 1 == desk.store.room().used_bytes // len(LINES)
    await desk.store.close()


async def test_an_announced_size_that_does_not_fit_is_refused_at_once(tmp_path: Path) -> None:
    """Smaller mail is still taken, and nothing is told: the spool is not full."""
    heard = Heard()
    desk = Desk(tmp_path, heard.journal(), min_free_bytes=0, max_bytes=100_000)
    await desk.store.open()
    assert "a message of 100001 bytes finds no room" in str(refused(desk, 100_001))
    desk.store.check_room(100_000)
    assert heard == []
    await desk.store.close()


async def test_the_disk_mark_has_its_band_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the disk fills and empties."""
    heard = Heard()
    free = 5000
    monkeypatch.setattr(guard.os, "statvfs", lambda _: SimpleNamespace(f_bavail=free, f_frsize=1))
    monkeypatch.setattr(guard, "_ROOM_FOR_S", -1.0)
    desk = Desk(tmp_path, heard.journal(), min_free_bytes=1000)
    await desk.store.open()
    for free, taken in ((5000, True), (1000, True), (999, False), (1099, False), (1100, True), (1000, True)):
        assert desk.store.room().refusing.startswith("less than" if not taken else ""), free
        assert bool(desk.store.room().refusing) is not taken
    assert heard.names() == ["spool.refusing", "spool.accepting"]
    await desk.store.close()


def added_up(desk: Desk) -> int:
    with sqlite3.connect(desk.directory / "spool.db") as connection:
        return connection.execute("SELECT coalesce(sum(size), 0) FROM message WHERE state <> 'delivered'").fetchone()[0]


async def test_the_octets_kept_are_exact_whatever_happens(desk: Desk) -> None:
    """Accepted, deferred, delivered, failed for one of two, forgotten; and after a restart."""
    for to in (("a@contoso.test",), ("a@contoso.test", "b@contoso.test"), ("a@contoso.test",), ("c@contoso.test",)):
        await desk.put(LINES, to=to)
        assert desk.store.room().used_bytes == added_up(desk)
    refusal = RecipientResult("a@contoso.test", "failed", "550")  # type: ignore[arg-type]
    steps = [
        delivered("a@contoso.test"),
        Settlement(State.QUEUED, "deferred", due_at=now() - 9_000_000, recipients=(refusal,)),
        delivered("b@contoso.test"),
        Settlement(State.FAILED, "failed"),
    ]
    for settlement in steps:
        await desk.store.settle(await desk.take(), settlement)
        assert desk.store.room().used_bytes == added_up(desk) > 0
    await desk.store.purge(now() + 10, now() + 10)
    assert desk.store.room().used_bytes == added_up(desk) > 0
    await desk.store.close()
    again = Desk(desk.directory, min_free_bytes=0)
    await again.store.open()
    assert again.store.room().used_bytes == added_up(desk)
    await again.store.close()


async def test_asking_for_room_asks_the_disk_once_a_second(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many devices say MAIL, and the database not at all."""
    asked = []
    real = os.statvfs
    monkeypatch.setattr(guard.os, "statvfs", lambda path: asked.append(path) or real(path))
    monkeypatch.setattr(guard.time, "monotonic", lambda: 1_000_000.0)
    desk.store._writer = None  # whoever asked the database now would fail
    for _ in range(1000):
        desk.store.check_room(10)
    assert len(asked) <= 2
