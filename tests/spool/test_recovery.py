"""What a crash leaves behind, and how the next start finds it."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import pytest

from relay.spool.browse import Browser
from relay.spool.store import Settlement, SpoolError, State
from tests.spool.conftest import LINES, MAILBOX, Desk, retry_at_once

if TYPE_CHECKING:
    from pathlib import Path


async def killed(desk: Desk, into: Path) -> Desk:
    """The spool as a SIGKILL at this moment would leave it, under another relay."""
    shutil.copytree(desk.directory, into)
    return Desk(into, min_free_bytes=0)


async def test_an_attempt_cut_by_a_crash_is_in_doubt_and_costs_one_delay(desk: Desk, tmp_path: Path) -> None:
    """The message is due when the claim said it would be, and the next claim counts the lost one."""
    message_id = await desk.put()
    await desk.take()
    after = await killed(desk, tmp_path / "after")
    assert (await after.store.open()).interrupted == 1
    waits = await after.store.claim(after.seat("two"), retry_at_once)
    assert waits.until is not None
    await after.store.resume("scans")
    claim = await after.take("two", sessions=1)
    assert (claim.parcel.id, claim.attempt, claim.doubtful) == (message_id, 2, 1)
    await after.store.close()


async def test_rubbish_is_swept_and_bodies_of_waiting_mail_stay(desk: Desk, tmp_path: Path) -> None:
    """A part, a body being mended, and one whose row was never written."""
    message_id = await desk.put(LINES)
    after = await killed(desk, tmp_path / "after")
    (tmp_path / "after/bodies/01ABC.part").write_bytes(b"half")
    (tmp_path / "after/bodies/01ABC.mended").write_bytes(b"half")
    (tmp_path / "after/bodies/01ABD").write_bytes(b"whole")
    assert (await after.store.open()).swept == 3
    assert after.bodies() == [message_id]
    await after.store.close()


async def test_a_message_whose_body_is_gone_is_shown_as_corrupt(desk: Desk, tmp_path: Path) -> None:
    """Never hidden, never sent empty, and counted once."""
    message_id = await desk.put(LINES)
    good = await desk.put()
    after = await killed(desk, tmp_path / "after")
    (tmp_path / "after/bodies" / message_id).unlink()
    assert (await after.store.open()).damaged == 1
    assert (await after.take()).parcel.id == good
    item = Browser(tmp_path / "after").show(message_id)
    assert item is not None
    assert (item.state, item.next) == ("corrupt", "damaged: never sent")
    await after.store.close()
    third = Desk(tmp_path / "after", min_free_bytes=0)
    assert (await third.store.open()).damaged == 0
    await third.store.close()


async def test_the_queue_can_be_read_while_the_relay_runs_and_after_it_stopped(desk: Desk) -> None:
    """By a connection that writes nothing."""
    first = await desk.put()
    await asyncio.sleep(0.002)  # ids are ordered by the millisecond
    second = await desk.put()
    await desk.store.settle(
        await desk.take(), Settlement(State.QUEUED, "deferred", due_at=1, host="h", answer="451 4.7.500 busy")
    )
    for _ in range(2):
        browser = Browser(desk.directory)
        assert [row.id for row in browser.list()] == [first, second]
        assert browser.list("delivered") == []
        assert [row.id for row in browser.list(limit=1)] == [first]
        assert browser.counts() == {"queued": 2}
        item = browser.show(first)
        assert item is not None
        assert item.mailbox == MAILBOX
        assert item.header.startswith("Subject: scan")
        assert [(attempt.outcome, attempt.answer) for attempt in item.attempts] == [("deferred", "451 4.7.500 busy")]
        assert browser.show("01ARZ3NDEKTSV4RRFFQ69G5FAV") is None
        await desk.store.close()


def test_a_spool_that_is_not_there_says_so(tmp_path: Path) -> None:
    """Before the first start."""
    with pytest.raises(SpoolError, match="has the relay run yet"):
        Browser(tmp_path).list()
