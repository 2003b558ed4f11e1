"""The spool's promises: accepted is durable, claimed is nobody else's, settled is settled once."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from relay.message.address import Address
from relay.spool.browse import Browser
from relay.spool.store import Claim, Pause, RecipientResult, Rest, Settlement, SpoolBusy, SpoolError, SpoolFull, State
from tests.spool.conftest import HEAD, LARGE, LINES, MAILBOX, Desk, retry_at_once

if TYPE_CHECKING:
    from pathlib import Path


def now() -> int:
    return time.time_ns() // 1_000_000


def delivered(*addresses: str) -> Settlement:
    results = tuple(RecipientResult(Address(address), "delivered", "250 ok") for address in addresses)
    return Settlement(State.DELIVERED, "delivered", recipients=results)


def deferred(due_at: int, *results: RecipientResult) -> Settlement:
    return Settlement(State.QUEUED, "deferred", due_at=due_at, recipients=results)


def state_of(desk: Desk, message_id: str) -> str:
    item = Browser(desk.directory).show(message_id)
    assert item is not None
    return item.state


@pytest.mark.parametrize("body", [b"", b"small\r\n", LINES])
async def test_what_was_accepted_comes_out_as_it_went_in(desk: Desk, body: bytes) -> None:
    """Head and body, whether the body is a row or a file."""
    message_id = await desk.put(body, to=("a@contoso.test", "b@contoso.test"))
    parcel = (await desk.take()).parcel
    octets = parcel.body if isinstance(parcel.body, bytes) else parcel.body.read_bytes()
    assert (parcel.id, parcel.head, octets) == (message_id, HEAD + b"\r\n", body)
    assert parcel.recipients == ("a@contoso.test", "b@contoso.test")
    assert parcel.body_size == len(body)


async def test_delivery_is_told_of_a_message_after_it_is_stored(desk: Desk) -> None:
    """By mailbox and profile."""
    await desk.put()
    await asyncio.sleep(0)
    assert desk.told == [(MAILBOX, "scans")]


async def test_a_message_is_accepted_even_if_those_who_are_told_of_it_stumble(tmp_path: Path) -> None:
    """Otherwise the device would hear "try again" and the body of an accepted message be thrown away."""
    desk = Desk(tmp_path, min_free_bytes=0)
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    desk.store._on_mail = lambda *_: 1 / 0
    await desk.store.open()
    message_id = await desk.put()
    await asyncio.sleep(0)
    assert len(complaints) == 1
    assert state_of(desk, message_id) == "queued"
    await desk.store.close()


async def test_messages_leave_in_the_order_of_their_due_time(desk: Desk) -> None:
    """First in, first out, across the profiles of a mailbox."""
    ids = []
    for profile in ("scans", "erp", "scans"):
        ids.append(await desk.put(profile=profile))
        await asyncio.sleep(0.002)
    seat = desk.seat(profiles=("erp", "scans"))
    taken = [await desk.store.claim(seat, retry_at_once) for _ in range(4)]
    assert [item.parcel.id for item in taken[:3] if isinstance(item, Claim)] == ids
    assert taken[3] == Rest(None)


async def test_a_seat_without_a_slot_asks_again_in_a_second(desk: Desk) -> None:
    """Whoever holds the slots may be another process, which sends no event."""
    for _ in range(3):
        await desk.put()
    await desk.take("one", sessions=2)
    await desk.take("two", sessions=2)
    refused = await desk.store.claim(desk.seat("three", sessions=2), retry_at_once)
    assert isinstance(refused, Rest)
    assert refused.until is not None
    assert 0 < refused.until - now() <= 1000
    await desk.store.leave("one")
    assert isinstance(await desk.store.claim(desk.seat("three", sessions=2), retry_at_once), Claim)


async def test_an_outcome_with_an_old_fence_changes_nothing(desk: Desk) -> None:
    """Whoever was too slow finds that the message is another's."""
    await desk.put()
    first = await desk.take()
    assert await desk.store.settle(first, deferred(now() - 1))
    second = await desk.take()
    assert not await desk.store.settle(first, delivered("a@contoso.test"))
    assert await desk.store.settle(second, deferred(now() + 60_000))
    assert state_of(desk, first.parcel.id) == "queued"
    assert not await desk.store.settle(second, delivered("a@contoso.test"))


async def test_only_the_recipients_without_an_outcome_are_tried_again(desk: Desk) -> None:
    """The others have theirs."""
    await desk.put(to=("a@contoso.test", "b@contoso.test"))
    claim = await desk.take()
    await desk.store.settle(claim, deferred(now() - 1, RecipientResult(Address("a@contoso.test"), "delivered", "250")))
    assert (await desk.take()).parcel.recipients == ("b@contoso.test",)


async def test_a_delivered_message_leaves_no_body(desk: Desk) -> None:
    """Neither row nor file; the record stays."""
    message_id = await desk.put(LINES)
    assert desk.bodies() == [message_id]
    await desk.store.settle(await desk.take(), delivered("a@contoso.test"))
    await desk.store.close()
    assert desk.bodies() == []
    assert state_of(desk, message_id) == "delivered"


@pytest.mark.parametrize("size", [10, LARGE])
async def test_a_message_that_failed_for_one_recipient_keeps_its_body(desk: Desk, size: int) -> None:
    """The first attempt failed for one, the second reached the other: failed, and there is something to send again."""
    message_id = await desk.put((b"x" * 8 + b"\r\n") * (size // 10), to=("a@contoso.test", "b@contoso.test"))
    refused = RecipientResult(Address("a@contoso.test"), "failed", "550 5.1.10")
    await desk.store.settle(await desk.take(), deferred(now() - 1, refused))
    await desk.store.settle(await desk.take(), delivered("b@contoso.test"))
    await desk.store.close()
    assert state_of(desk, message_id) == "failed"
    assert desk.bodies() == ([message_id] if size == LARGE else [])
    again = Desk(desk.directory, min_free_bytes=0)
    assert (await again.store.open()).damaged == 0
    assert state_of(again, message_id) == "failed"
    await again.store.close()


async def test_a_blocked_mailbox_rests_until_its_time(desk: Desk) -> None:
    """Exchange said when."""
    await desk.put()
    until = now() + 60_000
    await desk.store.block(MAILBOX, until)
    rest = await desk.store.claim(desk.seat(), retry_at_once)
    assert isinstance(rest, Rest)
    assert rest.until == pytest.approx(until, abs=50)


async def test_the_meter_of_the_mailbox_says_when_the_next_may_start(desk: Desk) -> None:
    """Two a minute: the second waits, and the answer names its time."""
    await desk.put()
    await desk.put()
    await desk.take(per_minute=2)
    rest = await desk.store.claim(desk.seat(per_minute=2), retry_at_once)
    assert isinstance(rest, Rest)
    assert rest.until is not None
    assert 20_000 < rest.until - now() <= 30_001


async def test_resuming_a_profile_makes_its_mail_due_at_once(desk: Desk) -> None:
    """And forgets the pause."""
    await desk.put()
    await desk.store.settle(await desk.take(), deferred(now() + 3_600_000))
    pause = Pause("scans", now(), now() + 300_000, "token.secret", "AADSTS7000215", "wrong secret", "set a new one")
    await desk.store.pause(pause)
    assert await desk.store.pauses() == {"scans": pause}
    await desk.store.resume("scans")
    assert await desk.store.pauses() == {}
    assert (await desk.take()).attempt == 2


async def test_old_outcomes_are_forgotten_and_waiting_mail_never(desk: Desk) -> None:
    """Delivered and failed go at their own times."""
    ids = [await desk.put(LINES) for _ in range(3)]
    await desk.store.settle(await desk.take(), delivered("a@contoso.test"))
    await desk.store.settle(await desk.take(), Settlement(State.FAILED, "failed"))
    assert await desk.store.purge(now() + 1, 0) == 1
    assert await desk.store.purge(now() + 1, now() + 1) == 1
    assert await desk.store.purge(now() + 10**9, now() + 10**9) == 0
    await desk.store.close()
    assert desk.bodies() == [ids[2]]


async def test_one_spool_has_one_relay(desk: Desk) -> None:
    """The second is told to stay away."""
    with pytest.raises(SpoolBusy, match="another relay"):
        await Desk(desk.directory, min_free_bytes=0).store.open()


async def test_a_disk_below_the_mark_takes_no_new_mail(tmp_path: Path) -> None:
    """And says where."""
    desk = Desk(tmp_path, min_free_bytes=1 << 60)
    await desk.store.open()
    with pytest.raises(SpoolFull, match=str(tmp_path)):
        desk.store.check_room()
    await desk.store.close()


async def test_a_disk_that_is_gone_takes_no_new_mail(tmp_path: Path) -> None:
    """What `statvfs` raises never reaches a session."""
    desk = Desk(tmp_path / "spool", min_free_bytes=0)
    with pytest.raises(SpoolFull, match="does not answer"):
        desk.store.check_room()


async def test_a_profile_has_mail_until_its_last_message_is_settled(desk: Desk) -> None:
    """One that is under way still counts: nobody knows yet whether it leaves."""
    assert await desk.store.profiles_waiting() == set()
    await desk.put()
    assert await desk.store.profiles_waiting() == {"scans"}
    claim = await desk.take()
    assert await desk.store.profiles_waiting() == {"scans"}
    await desk.store.settle(claim, delivered("a@contoso.test"))
    assert await desk.store.profiles_waiting() == set()


async def test_a_closed_spool_answers_instead_of_keeping_its_callers(desk: Desk) -> None:
    """Nobody waits for a thread that has ended."""
    await desk.store.close()
    with pytest.raises(SpoolError, match="closed"):
        await desk.store.profiles_waiting()


async def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The relay does not start, and says why."""
    (tmp_path / "spool").write_text("a file where the directory should be")
    with pytest.raises(SpoolError, match=r"spool can't be opened: .*Not a directory"):
        await Desk(tmp_path / "spool").store.open()


@pytest.mark.parametrize("name", ["spool.db", "lock"])
async def test_a_database_removed_under_the_relay_takes_no_more_mail(desk: Desk, name: str) -> None:
    """What is written to a deleted file is written nowhere; with the lock gone another relay may come."""
    (desk.directory / name).unlink()
    with pytest.raises(SpoolFull):
        desk.store.check_room()


async def test_a_due_time_from_another_clock_does_not_hold_mail_up(desk: Desk) -> None:
    """The clock was set back by days; the longest wait there is, is one."""
    await desk.put()
    claimed = await desk.take()
    await desk.store.settle(claimed, deferred(now() + 3 * 86_400_000))
    await desk.store.block(MAILBOX, now() + 3 * 86_400_000)
    assert isinstance(await desk.take(), Claim)
