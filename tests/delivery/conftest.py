"""Lanes on a real spool, with an upstream that answers as a test wrote it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from typing import TYPE_CHECKING, Any

import pytest_asyncio
import structlog

from relay.config.settings import Delivery, MailboxLimits, Spool
from relay.delivery.lane import Lane
from relay.delivery.pauses import Pauses
from relay.delivery.plan import Plan, Way
from relay.message.address import Address
from relay.message.reply import Reply
from relay.policy.verdicts import Facts
from relay.spool.browse import Browser
from relay.spool.sqlite import SqliteStore
from relay.spool.store import NewMessage, Stored
from relay.telemetry.journal import Journal
from relay.transport.transport import Receipt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from relay.message.parcel import Parcel
    from relay.spool.browse import QueueItem

MAILBOX = "scanner@contoso.test"
HOST = "pretend.test"
OK = Reply(250, "2.0.0", "OK")


class Upstream:
    """A `Transport` and its sessions: `answers` are given in turn, then everything is taken.

    An answer is a reply to the body, a whole receipt, or an exception; `at_connect` are exceptions met before that.
    """

    def __init__(self) -> None:
        self.answers: list[Reply | Receipt | Exception] = []
        self.at_connect: list[Exception] = []
        self.sent: list[tuple[str, tuple[str, ...]]] = []
        self.last: Parcel | None = None
        self.connected = self.open = self.most_open = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.reached = asyncio.Event()

    async def connect(self) -> Line:
        await asyncio.sleep(0)
        if self.at_connect:
            raise self.at_connect.pop(0)
        self.connected += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        return Line(self)


class Line:
    """One session."""

    usable = True

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def send(self, parcel: Parcel) -> Receipt:
        upstream = self._upstream
        upstream.reached.set()
        await upstream.may_answer.wait()
        upstream.sent.append((parcel.id, parcel.recipients))
        upstream.last = parcel
        answer = upstream.answers.pop(0) if upstream.answers else OK
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Receipt) else Receipt(HOST, answer)

    async def close(self) -> None:
        await asyncio.sleep(0)
        self._upstream.open -= 1


class Theatre:
    """A store, a lane on it, and the words a test speaks."""

    def __init__(self, directory: Path) -> None:
        self.store = SqliteStore(directory, Spool(min_free_bytes=0), lambda *_: self.lane.wake())
        self.upstream = Upstream()
        self.log = io.StringIO()
        logger = structlog.wrap_logger(
            structlog.WriteLogger(self.log), processors=[structlog.processors.JSONRenderer()],
            wrapper_class=structlog.make_filtering_bound_logger(0),
        )  # fmt: skip
        self.journal = Journal(logger)
        self.pauses = Pauses(self.store, self.journal)
        self.lane = Lane(self.plan(), self.store, self.journal, self.pauses)
        self.browser = Browser(directory)
        self.count = 0

    def plan(
        self,
        *,
        sessions: int = 1,
        idle_s: float = 60,
        profiles: tuple[str, ...] = ("scans",),
        mailbox: str = MAILBOX,
        **delivery: Any,
    ) -> Plan:
        """A plan whose times are milliseconds."""
        settings = Delivery.model_validate({"retry_s": (0.02,), "recheck_s": 0.05, **delivery})
        ways = {name: Way(self.upstream, Facts(profile=name, host=HOST, mailbox=mailbox), idle_s) for name in profiles}
        return Plan(mailbox, MailboxLimits(sessions=sessions, messages_per_minute=0), ways, settings)

    async def put(self, *to: str, profile: str = "scans", head: bytes = b"Subject: x\r\n\r\n") -> str:
        """Stores one message, which wakes the lane; its id."""
        self.count += 1
        name = f"M{self.count:04}"
        await self.store.accept(NewMessage(
            id=name, device="copier", profile=profile, mailbox=MAILBOX, sender=Address(MAILBOX),
            recipients=tuple(map(Address, to)) or (Address("ann@contoso.test"),), client="10.0.2.17",
            head=head, body=Stored(b"hello\r\n", 7), eight_bit=False,
        ))  # fmt: skip
        return name

    def item(self, name: str) -> QueueItem:
        item = self.browser.show(name)
        assert item is not None
        return item

    async def becomes(self, name: str, state: str) -> list[str]:
        """Waits for a state, and until the journal has told it; the outcomes of the attempts so far."""
        await until(lambda: self.item(name).state == state and self._told(name) >= len(self.item(name).attempts))
        return [attempt.outcome for attempt in self.item(name).attempts]

    def _told(self, name: str) -> int:
        return sum(event.get("id") == name and event["event"].startswith("message.") for event in self.events())

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def event(self, name: str) -> dict[str, Any]:
        """The one event of that name."""
        (event,) = [event for event in self.events() if event["event"] == name]
        return event


async def until(holds: Callable[[], object], seconds: float = 5) -> None:
    """Looks at what tells nobody when it changes, until something holds."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


@pytest_asyncio.fixture
async def theatre(tmp_path: Path) -> AsyncIterator[Theatre]:
    theatre = Theatre(tmp_path / "spool")
    await theatre.store.open()
    await theatre.store.open_mailbox(MAILBOX)
    yield theatre
    theatre.upstream.may_answer.set()
    with contextlib.suppress(TimeoutError):
        await theatre.lane.stop(2)
    await theatre.store.close()
