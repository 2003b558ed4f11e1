"""Notices under a scheduler: gathered by cause, held back while they would come with the mail, left at their time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest_asyncio

from relay.config.loader import parse
from relay.delivery.scheduler import Scheduler
from relay.message.address import Address
from relay.message.reply import Reply
from relay.spool.store import NewMessage, Pause, Stored
from relay.telemetry.clock import now_ms
from relay.transport.transport import Receipt, Stage
from tests.delivery.conftest import HOST, MAILBOX, Theatre, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from relay.config.settings import Settings

GONE = Reply(550, "5.1.10", "RESOLVER.ADR.RecipientNotFound; Recipient not found")
LATER = Reply(451, "4.7.0", "Temporary server error")
LARGE = Reply(552, "5.3.4", "Message size exceeds fixed maximum message size")


def configured(notices: str = "collect_s: 0.1", *, expire_after_s: float = 3600) -> Settings:
    return parse(f"""
hostname: relay.test
listeners: [{{listen: "127.0.0.1:0"}}]
apps:
  contoso: {{tenant: contoso.onmicrosoft.com, client_id: abc, credential: {{secret: {{env: CONTOSO_SECRET}}}}}}
profiles:
  scans: {{app: contoso, mailbox: {MAILBOX}}}
devices:
  copier: {{address: 10.0.0.1, profile: scans, owner: owner@contoso.test}}
notices: {{{notices}}}
limits: {{messages_per_minute: 0}}
delivery: {{retry_s: [600], expire_after_s: {expire_after_s}}}
""")


class House:
    """A scheduler whose one mailbox answers as a test wrote it; what leaves is remembered."""

    def __init__(self, theatre: Theatre) -> None:
        self.theatre = theatre
        self.scheduler = Scheduler(theatre.store, theatre.journal)
        theatre.store._on_mail = lambda _, profile: self.scheduler.mail(profile)

    async def start(self, settings: Settings) -> None:
        await self.scheduler.start(settings, self.theatre.plan().ways)

    async def reload(self, settings: Settings) -> None:
        await self.scheduler.plan(settings, self.theatre.plan().ways)

    def answers(self, *replies: Reply) -> None:
        """How the next messages are answered, each for its one recipient."""
        self.theatre.upstream.answers += replies

    async def put(self, name: str, author: str = "ann@contoso.test", **values: Any) -> str:
        await self.theatre.store.accept(NewMessage(
            id=name, device="copier", profile="scans", mailbox=MAILBOX, sender=Address(MAILBOX),
            recipients=(Address("bob@contoso.test"),), client="10.0.2.17", head=b"Subject: x\r\n\r\n",
            body=Stored(b"hello\r\n", 7), eight_bit=False, author=author, **values,
        ))  # fmt: skip
        return name

    def owed(self, what: str) -> int:
        """How many obligations of a kind have their addresses."""
        with self.theatre.browser._reading() as spool:
            query = "SELECT count(*) FROM notice WHERE who <> '' AND what = ?"
            return int(spool.execute(query, (what,)).fetchone()[0])

    def queued(self, count: int = 1) -> list[dict[str, Any]]:
        return self.events("notice.queued", count)

    def events(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        found = [event for event in self.theatre.events() if event["event"] == name]
        return found if len(found) >= count else []


@pytest_asyncio.fixture
async def house(theatre: Theatre) -> AsyncIterator[House]:
    house = House(theatre)
    yield house
    theatre.upstream.may_answer.set()
    await house.scheduler.stop(2)


async def test_a_notice_leaves_like_any_mail(house: House) -> None:
    """By the original's profile, with the null reverse-path, to one address each."""
    await house.start(configured())
    house.answers(GONE)
    await house.put("M1")
    await until(lambda: len(house.theatre.upstream.sent) == 3)
    last = house.theatre.upstream.last

    assert {to for _, (to,) in house.theatre.upstream.sent[1:]} == {"ann@contoso.test", "owner@contoso.test"}
    assert last is not None
    assert last.sender.is_null
    assert f'"Mail relay" <{MAILBOX}>'.encode() in last.head


async def test_failures_of_one_cause_are_one_notice_and_other_causes_others(house: House) -> None:
    """Two messages are gone, one is too large: the owner reads two notices."""
    await house.start(configured("collect_s: 0.5, failed: [owner]"))
    house.answers(GONE, LARGE, GONE)
    for name in ("M1", "M2", "M3"):
        await house.put(name)
    await until(lambda: house.queued(2))

    assert sorted(tuple(event["originals"]) for event in house.queued()) == [("M1", "M3"), ("M2",)]


async def test_a_notice_that_fails_ends_there(house: House) -> None:
    """Refused itself, it is failed, and nobody is told of it."""
    await house.start(configured("failed: [owner], collect_s: 0.1"))
    house.answers(GONE, GONE)
    await house.put("M1")
    await until(lambda: house.events("message.failed", 2))
    house.answers(LARGE)
    await house.put("M2")
    await until(lambda: house.queued(2))

    assert [event["originals"] for event in house.queued()] == [["M1"], ["M2"]]
    assert not house.events("notice.nobody")


async def test_what_was_owed_before_the_relay_died_is_told_after(house: House) -> None:
    """The obligation is in the spool; nobody has to fail again."""
    house.answers(GONE)
    house.theatre.store._on_mail = lambda *_: house.theatre.lane.wake()
    await house.put("M1")
    await until(lambda: house.events("message.failed"))
    await house.theatre.lane.stop(2)
    await house.start(configured("failed: [owner], collect_s: 0.1"))
    await until(house.queued)

    assert house.queued()[0]["originals"] == ["M1"]


async def test_a_word_of_delay_waits_while_the_mailbox_rests(house: House) -> None:
    """It would arrive with the mail it speaks of; when the mailbox may send, the mail goes and the word is dropped."""
    await house.theatre.store.block(MAILBOX, now_ms() + 2000)
    await house.start(configured("delayed: [owner], delayed_after_s: 0.2, collect_s: 0.1"))
    await house.put("M1")
    await until(lambda: house.events("message.delivered"), 8)
    await house.reload(configured("delayed: [owner], delayed_after_s: 0.2, failed: [owner], collect_s: 0.1"))
    house.answers(GONE)
    await house.put("M2")
    await until(house.queued, 8)

    assert [(event["what"], event["originals"]) for event in house.queued()] == [("failed", ["M2"])]


async def test_a_word_of_delay_waits_while_the_profile_pauses(house: House) -> None:
    """Nothing is written until somebody has mended the configuration."""
    await house.theatre.store.pause(Pause("scans", now_ms(), now_ms() + 3_600_000, "r", "a", "m", "r"))
    house.theatre.upstream.may_answer.clear()
    await house.put("M1")
    await house.start(configured("delayed: [owner], delayed_after_s: 0.1, collect_s: 0.1"))
    await until(lambda: house.owed("delayed"))
    await asyncio.sleep(1.5)  # longer than any notice is gathered here

    assert house.owed("delayed")
    assert not house.queued()


async def test_late_mail_is_told_once_and_old_mail_given_up(house: House) -> None:
    """The recipient is refused for now, time and again."""
    house.answers(LATER)
    await house.start(configured("delayed: [owner], delayed_after_s: 0.3, collect_s: 0.1", expire_after_s=3))
    await house.put("M1")
    await until(lambda: house.events("message.failed"), 10)
    await until(lambda: house.queued(3), 10)
    failed = house.events("message.failed")[0]

    assert sorted(event["what"] for event in house.queued()) == ["delayed", "failed", "failed"]
    assert (failed["id"], failed["attempt"], failed["answer"]) == ("M1", 1, "451 4.7.0 Temporary server error")


async def test_mail_that_waited_while_the_relay_was_off_is_tried_before_it_expires(house: House) -> None:
    """A message of last week, and a relay that has just been started: it leaves."""
    await house.put("M1")
    week = 7 * 86_400_000
    await house.theatre.lane.stop(2)
    await house.theatre.store._run(
        "age",
        lambda spool: spool.execute("UPDATE message SET state = 'queued', received_at = received_at - ?", (week,)),
    )
    house.theatre.upstream.may_answer.clear()
    await house.start(configured(expire_after_s=86_400))
    await house.theatre.upstream.reached.wait()
    house.theatre.upstream.may_answer.set()
    await until(lambda: house.events("message.delivered"))

    assert not house.events("message.failed")


async def test_refused_for_some_is_told_while_others_still_wait(house: House) -> None:
    """Nobody waits five days to hear that one of two addresses is wrong."""
    wrong, slow = Address("wrong@contoso.test"), Address("slow@contoso.test")
    house.theatre.upstream.answers.append(Receipt(HOST, None, Stage.RCPT, {wrong: GONE, slow: LATER}))
    await house.start(configured("failed: [owner], collect_s: 0.1"))
    await house.theatre.store.accept(NewMessage(
        id="M1", device="copier", profile="scans", mailbox=MAILBOX, sender=Address(MAILBOX), recipients=(wrong, slow),
        client="", head=b"Subject: x\r\n\r\n", body=Stored(b"hello\r\n", 7), eight_bit=False,
    ))  # fmt: skip
    await until(house.queued)

    assert house.theatre.item("M1").state == "queued"
    assert house.queued()[0]["originals"] == ["M1"]
