"""What is owed is kept with the outcome and goes with the notice; sweeps find what is late or too old, in steps."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from relay.message.address import NULL, Address
from relay.policy.notices import Addressees, Owed
from relay.spool.notices import Gathered, Group
from relay.spool.queries import SQL
from relay.spool.store import NewMessage, Pause, RecipientResult, Settlement, SpoolError, State, Stored
from relay.telemetry.clock import now_ms
from tests.spool.conftest import MAILBOX, Desk

if TYPE_CHECKING:
    from collections.abc import Callable

OWNER = Addressees(("owner@contoso.test",))
GROUP = Group("owner@contoso.test", "failed", "scans", "smtp.unknown")


async def fail(desk: Desk, *addresses: str, state: State = State.FAILED, rule: str = "smtp.unknown") -> str:
    """Takes the next message and settles these recipients of it as failed."""
    claim = await desk.take()
    results = [RecipientResult(Address(one), "failed", f"550 no {one}", rule, "means", "remedy") for one in addresses]
    await desk.store.settle(claim, Settlement(state, "failed", due_at=now_ms(), host="h", recipients=results))
    return claim.parcel.id


def to_owner(owed: Owed) -> Addressees:
    assert owed.device == "copier"
    return OWNER


def composing(seen: list[Gathered]) -> Callable[[Gathered], NewMessage]:
    def compose(gathered: Gathered) -> NewMessage:
        seen.append(gathered)
        return NewMessage(
            id=f"NOTICE{len(seen)}", device="copier", profile="scans", mailbox=MAILBOX, sender=NULL,
            recipients=(Address(gathered.group.who),), client="", head=b"Subject: x\r\n\r\n", body=Stored(b"x", 1),
            eight_bit=False, kind="notice",
        )  # fmt: skip

    return compose


def rows(desk: Desk, statement: str) -> list[tuple[object, ...]]:
    return sqlite3.connect(desk.directory / "spool.db").execute(statement).fetchall()


async def test_a_failed_recipient_is_owed_until_its_notice_is_queued(desk: Desk) -> None:
    """The notice names what was said, and the obligation goes with it, over a restart in between."""
    name = await desk.put(to=("a@contoso.test", "b@contoso.test"))
    await fail(desk, "b@contoso.test", state=State.QUEUED)
    assert desk.store.notices.owed.is_set()
    await desk.store.close()
    await desk.store.open()
    assert await desk.store.notices.address(to_owner) == []
    assert set((await desk.store.notices.standing()).groups) == {GROUP}
    seen: list[Gathered] = []
    written = await desk.store.notices.write(GROUP, composing(seen))

    assert written is not None
    (original,) = seen[0].originals
    assert (original.id, original.count, seen[0].meaning, seen[0].remedy) == (name, 1, "means", "remedy")
    assert [(fate.address, fate.answer, fate.host) for fate in original.fates] == [
        ("b@contoso.test", "550 no b@contoso.test", "h")
    ]
    assert original.section == b"Subject: scan\r\n"
    assert (await desk.store.notices.standing()).groups == {}
    assert rows(desk, "SELECT message_id, what FROM event") == [(name, "notice.queued")]
    assert desk.told[-1] == (MAILBOX, "scans")


async def test_a_notice_that_cannot_be_written_is_owed_as_before(desk: Desk) -> None:
    """Both or neither: what goes wrong on the way leaves no notice and loses no obligation."""
    name = await desk.put()
    await fail(desk, "a@contoso.test")
    await desk.store.notices.address(to_owner)
    with pytest.raises(SpoolError, match="division"):
        await desk.store.notices.write(GROUP, lambda gathered: 1 / 0)  # type: ignore[arg-type, return-value]
    with pytest.raises(SpoolError, match="UNIQUE"):
        await desk.store.notices.write(GROUP, lambda gathered: replace(composing([])(gathered), id=name))

    assert set((await desk.store.notices.standing()).groups) == {GROUP}
    assert rows(desk, "SELECT count(*) FROM message WHERE kind = 'notice'") == [(0,)]
    assert rows(desk, "SELECT count(*) FROM event") == [(0,)]


async def test_nobody_is_owed_what_a_notice_meets(desk: Desk) -> None:
    """A notice about a notice would never end."""
    await desk.put()
    await fail(desk, "a@contoso.test")
    await desk.store.notices.address(to_owner)
    await desk.store.notices.write(GROUP, composing([]))
    await fail(desk, GROUP.who)

    assert rows(desk, "SELECT count(*) FROM notice") == [(0,)]


async def test_what_a_device_has_heard_is_owed_no_more(desk: Desk) -> None:
    """Its display has shown it."""
    await desk.put()
    await desk.store.notices.told(await fail(desk, "a@contoso.test"))

    assert await desk.store.notices.address(to_owner) == []
    assert (await desk.store.notices.standing()).groups == {}


async def test_a_message_of_which_nobody_is_told_says_so(desk: Desk) -> None:
    """The reason is in the message's story, and comes back for the journal."""
    await desk.put()
    name = await fail(desk, "a@contoso.test")
    (nobody,) = await desk.store.notices.address(lambda _: Addressees((), "a machine"))

    assert (nobody.message_id, nobody.what, nobody.reason) == (name, "failed", "a machine")
    assert rows(desk, "SELECT message_id, what, detail FROM event") == [(name, "notice.nobody", "failed: a machine")]
    assert rows(desk, "SELECT count(*) FROM notice") == [(0,)]


async def test_many_messages_are_counted_and_a_few_are_named(desk: Desk) -> None:
    """More than one step of addressing; a notice does not grow with what it is about."""
    for _ in range(30):
        await desk.put(to=tuple(f"r{n}@contoso.test" for n in range(20)))
        await fail(desk, *(f"r{n}@contoso.test" for n in range(20)))
    await desk.store.notices.address(to_owner)
    seen: list[Gathered] = []
    await desk.store.notices.write(GROUP, composing(seen))

    assert (seen[0].messages, len(seen[0].originals)) == (30, 20)
    assert rows(desk, "SELECT count(*) FROM notice") == [(0,)]


async def test_what_was_sent_again_meanwhile_is_told_to_nobody(desk: Desk) -> None:
    """An operator was faster than the notice: what it would say is no longer true."""
    await desk.put()
    await fail(desk, "a@contoso.test")
    await desk.store.notices.address(to_owner)
    await desk.store._run("retry", lambda connection: connection.execute("UPDATE recipient SET state = 'pending'"))

    assert await desk.store.notices.write(GROUP, composing([])) is None
    assert (await desk.store.notices.standing()).groups == {}


async def test_late_mail_is_owed_a_word_once(desk: Desk) -> None:
    """Whatever waits or is under way; in steps, and not again."""
    for _ in range(600):
        await desk.put()
    await desk.take()
    book = desk.store.notices

    assert await book.warn_late("scans", 0, now_ms() + 1) == 600
    assert await book.warn_late("scans", 0, now_ms() + 1) == 0
    assert rows(desk, "SELECT what, cause, count(*) FROM notice") == [("delayed", "relay.waiting", 600)]


async def test_mail_that_a_pause_has_kept_is_late_when_it_has_waited_since(desk: Desk) -> None:
    """A sweep went over it by when it came; its age counts anew, and so it comes up once more."""
    await desk.put()
    await desk.store.pause(Pause("scans", now_ms() - 60_000, now_ms(), "r", "a", "m", "d"))
    await asyncio.sleep(0.005)
    paused_until, book = now_ms(), desk.store.notices
    await desk.store.resume("scans")

    assert await book.warn_late("scans", 0, paused_until) == 0
    assert await book.warn_late("scans", paused_until, paused_until + 60_000) == 1


async def test_mail_that_left_meanwhile_is_late_no_more(desk: Desk) -> None:
    """The word would arrive behind the mail."""
    await desk.put()
    await desk.store.notices.warn_late("scans", 0, now_ms() + 1)
    await desk.store.notices.address(to_owner)
    claim = await desk.take()
    await desk.store.settle(claim, Settlement(State.DELIVERED, "delivered"))
    group = GROUP._replace(what="delayed", cause="relay.waiting")

    assert set((await desk.store.notices.standing()).groups) == {group}
    assert await desk.store.notices.write(group, composing([])) is None


async def test_old_mail_is_given_up_and_keeps_its_body(desk: Desk) -> None:
    """In steps; with the last answer, or, never tried, with what to look at. It can be sent again."""
    names = [await desk.put() for _ in range(520)]
    claim = await desk.take()
    judged = Settlement(
        State.QUEUED, "deferred", due_at=now_ms(), rule="smtp.greylisted", answer="451 later", meaning="m", remedy="r"
    )  # fmt: skip
    await desk.store.settle(claim, judged)
    expired = await desk.store.notices.expire("scans", now_ms() + 1, lambda rule: False)
    first, others = expired[0], expired[1:]

    assert [one.id for one in expired] == names
    assert (first.rule, first.answer, first.meaning, first.remedy) == ("smtp.greylisted", "451 later", "m", "r")
    assert {one.rule for one in others} == {"relay.expired"}
    assert all(one.meaning and one.remedy for one in others)
    assert rows(desk, "SELECT state, count(*) FROM message") == [("failed", 520)]
    assert rows(desk, "SELECT state, count(*) FROM recipient") == [("failed", 520)]
    assert rows(desk, "SELECT count(*) FROM body") == [(520,)]
    assert rows(desk, "SELECT count(*) FROM notice WHERE what = 'failed'") == [(520,)]


async def test_mail_that_waits_for_a_person_never_expires(desk: Desk) -> None:
    """Of a paused profile, of a rule that is to be mended, held, or under way."""
    names = {state: await desk.put() for state in (State.QUEUED, State.HELD)}
    for state in (State.QUEUED, State.HELD):
        claim = await desk.take()
        names[state] = claim.parcel.id
        await desk.store.settle(claim, Settlement(state, "x", due_at=now_ms() + 10**7, rule="smtp.send-as-denied"))
    await desk.put()
    await desk.take()
    await desk.put(profile="other")
    await desk.store.pause(Pause("other", 0, 0, "r", "a", "m", "r"))
    later = now_ms() + 1

    assert await desk.store.notices.expire("scans", later, lambda rule: rule == "smtp.send-as-denied") == []
    assert await desk.store.notices.expire("other", later, lambda rule: False) == []
    assert [one.id for one in await desk.store.notices.expire("scans", later, lambda rule: False)] == [
        names[State.QUEUED]
    ]


async def test_the_questions_of_each_minute_use_an_index(desk: Desk) -> None:
    """Nothing that is asked again and again reads the whole table of messages."""
    spool = sqlite3.connect(desk.directory / "spool.db")
    values = dict.fromkeys(
        ("state", "profile", "after", "before", "after_id", "who", "what", "cause", "id", "now"), ""
    )  # fmt: skip
    for statement in (
        SQL.late_messages, SQL.old_waiting, SQL.unaddressed, SQL.notice_groups, SQL.failed_of_group,
        SQL.delayed_of_group, SQL.forget_group, SQL.forget_told,
    ):  # fmt: skip
        plan = spool.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
        assert not [step[3] for step in plan if step[3].startswith("SCAN") and "USING" not in step[3]], statement
