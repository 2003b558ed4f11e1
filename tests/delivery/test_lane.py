"""One mailbox's workers on a real spool, when the disk, the timing or the relay itself is unkind."""

from __future__ import annotations

import asyncio
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from relay.config.settings import Delivery, MailboxLimits, Spool
from relay.delivery import lane as lane_module
from relay.delivery.lane import Lane
from relay.delivery.pauses import Pauses
from relay.delivery.plan import Plan, Way
from relay.message.address import Address
from relay.message.reply import Reply
from relay.policy.verdicts import Facts
from relay.spool.browse import Browser
from relay.spool.sqlite import SqliteStore
from relay.spool.store import NewMessage, SpoolError, Stored
from relay.telemetry.journal import Journal
from relay.transport.transport import Receipt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from relay.message.parcel import Parcel
    from relay.spool.store import Claim, Settlement

MAILBOX = "scanner@contoso.test"


class UnkindStore(SqliteStore):
    """A spool whose disk fails as often as told: `settle_fails`, `leave_fails`."""

    settle_fails = 0
    leave_fails = 0

    async def settle(self, claim: Claim, settlement: Settlement) -> bool:
        if self.settle_fails:
            self.settle_fails -= 1
            raise SpoolError("disk I/O error")
        return await super().settle(claim, settlement)

    async def leave(self, owner: str) -> None:
        if self.leave_fails:
            self.leave_fails -= 1
            raise SpoolError("disk I/O error")
        await super().leave(owner)


class Upstream:
    """A transport that takes everything; its goodbye may be slow, and it may have a mistake of its own."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.mistakes = 0
        self.closing = asyncio.Event()
        self.may_close = asyncio.Event()
        self.may_close.set()

    usable = True

    async def connect(self) -> Upstream:
        return self

    async def send(self, parcel: Parcel) -> Receipt:
        if self.mistakes:
            self.mistakes -= 1
            raise ZeroDivisionError("a mistake")
        self.sent.append(parcel.id)
        return Receipt("pretend.test", Reply(250, "2.0.0", "OK"))

    async def close(self) -> None:
        self.closing.set()
        await self.may_close.wait()


class Stage:
    """A lane with what it stands on."""

    def __init__(self, directory: Path, idle_s: float) -> None:
        self.store = UnkindStore(directory, Spool(min_free_bytes=0), lambda *_: self.lane.wake())
        self.upstream = Upstream()
        self.log = io.StringIO()
        logger = structlog.wrap_logger(
            structlog.WriteLogger(self.log), processors=[structlog.processors.JSONRenderer()],
            wrapper_class=structlog.make_filtering_bound_logger(0),
        )  # fmt: skip
        limits = MailboxLimits(sessions=1, messages_per_minute=0)
        ways = {"scans": Way(self.upstream, Facts(host="pretend.test"), idle_s)}
        plan = Plan(MAILBOX, limits, ways, Delivery(retry_s=(0.01,)))
        journal = Journal(logger)
        self.lane = Lane(plan, self.store, journal, Pauses(self.store, journal))
        self.browser = Browser(directory)

    async def put(self, name: str) -> None:
        """Stores one message and wakes the lane."""
        await self.store.accept(NewMessage(
            id=name, device="copier", profile="scans", mailbox=MAILBOX, sender=Address(MAILBOX),
            recipients=(Address("ann@contoso.test"),), client="10.0.2.17", head=b"Subject: x\r\n\r\n",
            body=Stored(b"hello\r\n", 7), eight_bit=False,
        ))  # fmt: skip

    async def delivered(self, name: str) -> list[str]:
        """Waits until a message is settled; the outcomes of its attempts."""
        await until(lambda: (item := self.browser.show(name)) is not None and item.state == "delivered")
        item = self.browser.show(name)
        assert item is not None
        return [attempt.outcome for attempt in item.attempts]

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


async def until(holds: Callable[[], object]) -> None:
    """Looks at what tells nobody when it changes, until something holds."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.fixture
async def set_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Any]]:
    """Makes a stage; trouble with the disk is looked at again after ten milliseconds."""
    monkeypatch.setattr(lane_module, "_TROUBLE_S", 0.01)
    stages: list[Stage] = []

    async def make(idle_s: float = 60.0) -> Stage:
        stage = Stage(tmp_path / "spool", idle_s)
        await stage.store.open()
        await stage.store.open_mailbox(MAILBOX)
        stages.append(stage)
        return stage

    yield make
    for stage in stages:
        stage.upstream.may_close.set()
        await stage.lane.stop(5)
        await stage.store.close()


async def test_an_outcome_that_cannot_be_written_is_written_when_it_can(set_stage: Callable[..., Any]):
    """A disk that fails for a while neither forgets a delivery nor repeats it: one attempt, delivered, sent once."""
    stage = await set_stage()
    stage.store.settle_fails = 3
    await stage.put("A")
    assert await stage.delivered("A") == ["delivered"]
    assert stage.upstream.sent == ["A"]
    await until(lambda: len(stage.events()) == 4)  # the last one is told when the spool shows the outcome already
    assert [event["event"] for event in stage.events()] == ["delivery.broken"] * 3 + ["message.delivered"]


async def test_a_lane_whose_disk_stays_broken_stops_when_told(set_stage: Callable[..., Any]):
    """It does not wait for the disk; the attempt stays without outcome, which the next start counts as in doubt."""
    stage = await set_stage()
    stage.store.settle_fails = 1_000_000
    await stage.put("A")
    await until(stage.events)
    async with asyncio.timeout(5):
        assert await stage.lane.stop(5) == 0
    item = stage.browser.show("A")
    assert item is not None
    assert (item.state, [attempt.outcome for attempt in item.attempts]) == ("leased", [""])


async def test_mail_that_comes_while_the_last_worker_says_goodbye_is_not_overlooked(set_stage: Callable[..., Any]):
    """Nobody rests and no more connections are allowed in that moment: it leaves all the same."""
    stage = await set_stage(idle_s=0.01)
    stage.upstream.may_close.clear()
    await stage.put("A")
    await stage.delivered("A")
    async with asyncio.timeout(5):
        await stage.upstream.closing.wait()
    await stage.put("B")
    stage.upstream.may_close.set()
    assert await stage.delivered("B") == ["delivered"]


async def test_a_slot_that_could_not_be_given_back_is_not_lost(set_stage: Callable[..., Any]):
    """The next worker takes it over, although the disk failed when the last one left."""
    stage = await set_stage(idle_s=0.01)
    stage.store.leave_fails = 1
    await stage.put("A")
    await until(lambda: stage.store.leave_fails == 0)
    await stage.put("B")
    assert await stage.delivered("B") == ["delivered"]


async def test_a_mistake_of_the_relay_in_an_attempt_leaves_the_message_in_doubt_not_in_limbo(
    set_stage: Callable[..., Any],
):
    """It is tried again like any message whose outcome is not known, and the journal says what happened."""
    stage = await set_stage()
    stage.upstream.mistakes = 1
    await stage.put("A")
    assert await stage.delivered("A") == ["uncertain", "delivered"]
    assert "ZeroDivisionError" in stage.events()[0]["answer"]
