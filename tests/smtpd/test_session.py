"""One connection, however it goes: what was promised is kept, what was not leaves nothing behind."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Any

import pytest

from relay.smtpd import connection
from relay.smtpd.intake import Intake
from relay.spool.store import SpoolError
from tests.smtpd.conftest import ENVELOPE, LETTER, until

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from tests.smtpd.conftest import Door

LARGE = b"Subject: scan\r\n\r\n" + b"x" * 76 + b"\r\n" + (b"y" * 76 + b"\r\n") * 20_000


async def test_a_message_is_on_disk_when_its_answer_comes(door: Door) -> None:
    """The id in the answer is the one in the spool."""
    device = await door.device()
    await device.envelope()
    device.say(LETTER + b".\r\n")
    assert (await device.hear()).split()[-1] in door.queued()
    assert (await device.ask("QUIT"))[:3] == "221"
    assert await device.ended()


@pytest.mark.parametrize("letter", [LETTER, LARGE])
async def test_all_commands_in_one_write_are_answered_one_after_the_other(door: Door, letter: bytes) -> None:
    """Two messages and a QUIT, with nobody waiting for anything."""
    device = await door.device()
    body = letter + b".\r\n"
    device.say(ENVELOPE + b"DATA\r\n" + body + ENVELOPE[13:] + b"DATA\r\n" + body + b"QUIT\r\n")
    codes = [(await device.hear())[:3] for _ in range(11)]
    assert codes == ["220", "250", "250", "250", "354", "250", "250", "250", "354", "250", "221"]
    assert len(door.queued()) == 2


async def test_a_device_that_closes_its_half_behind_the_dot_still_hears_the_answer(door: Door) -> None:
    """And its message is kept."""
    device = await door.device()
    device.say(ENVELOPE + b"DATA\r\n" + LARGE + b".\r\n")
    device.writer.write_eof()
    codes = [(await device.hear())[:3] for _ in range(6)]
    assert codes[-1] == "250"
    assert len(door.queued()) == 1
    assert await device.ended()


async def test_a_message_is_stored_although_its_device_is_gone(door: Door) -> None:
    """A reset right behind the dot."""
    device = await door.device()
    await device.envelope()
    device.say(LETTER + b".\r\n")
    await until(lambda: door.events("message.received"))
    device.writer.transport.abort()
    await until(door.queued)
    await until(lambda: door.house.sessions == 0)
    assert door.events("session.failed") == []


@pytest.mark.parametrize("cut", [1, 20, 200, 100_000, len(LARGE)])
@pytest.mark.parametrize("politely", [True, False])
async def test_a_device_that_leaves_in_the_middle_of_a_message_leaves_nothing(
    door: Door, cut: int, politely: bool
) -> None:
    """Whether it closes or resets; the journal says that it broke off."""
    device = await door.device()
    await device.envelope()
    device.say(LARGE[:cut])
    await device.writer.drain()
    if politely:
        device.writer.write_eof()
    else:
        device.writer.transport.abort()
    await until(lambda: door.house.sessions == 0)
    assert len(door.events("session.broken")) == 1
    assert door.events("session.failed") == []
    assert door.queued() == door.bodies() == []


@pytest.mark.parametrize("line", ["", "EHLO x", "MAIL FROM:<a@b.test>", "AUTH LOGIN", "STARTTLS", "NOOP"])
async def test_a_device_that_leaves_after_any_command_is_no_mistake_of_ours(door: Door, line: str) -> None:
    """Nothing stays open."""
    device = await door.device()
    await device.hear()
    if line:
        await device.ask(line)
    device.writer.transport.abort()
    await until(lambda: door.house.sessions == 0)
    assert door.events("session.failed") == []


@pytest.mark.parametrize("line", ["AUTH LOGIN", "STARTTLS", "QUIT"])
async def test_a_device_that_resets_behind_a_command_is_no_mistake_of_ours(door: Door, line: str) -> None:
    """The reset is there before the answer: it can't be sent, and what it would have begun has no connection."""
    with socket.create_connection(("127.0.0.1", door.ports[0])) as device:
        await until(lambda: door.house.sessions == 1)
        device.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        device.send(line.encode() + b"\r\n")
    await until(lambda: door.house.sessions == 0)
    assert door.events("session.failed") == []


async def test_a_line_without_end_in_a_login_is_refused_and_the_dialogue_goes_on(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is more at once than a device may send ahead, so that reading was stopped."""
    monkeypatch.setattr(connection, "_AHEAD", 8 * 1024)
    device = await door.device()
    await device.hear()
    await device.ask("AUTH LOGIN")
    (session,) = door.server._sessions
    device.say(b"x" * 64 * 1024)
    await until(lambda: session._lines._too_long)
    device.say(b"\r\nNOOP\r\n")
    assert [(await device.hear())[:3] for _ in range(2)] == ["500", "250"]


async def test_a_mistake_while_reading_leaves_no_file(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device is told to try again, the journal that it was our mistake."""

    async def mistaken(*_: object) -> bytes:
        raise ZeroDivisionError("a mistake")

    dropped: list[object] = []
    monkeypatch.setattr(Intake, "read", mistaken)
    draft_of = door.store.draft

    def draft() -> Any:
        draft = draft_of()
        discard = draft.discard

        async def counted() -> None:
            dropped.append(draft)
            await discard()

        draft.discard = counted  # type: ignore[method-assign]
        return draft

    monkeypatch.setattr(door.store, "draft", draft)
    device = await door.device()
    await device.envelope()
    assert (await device.hear())[:3] == "421"
    assert "ZeroDivisionError" in door.events("session.failed")[0]["reason"]
    assert len(dropped) == 1


@pytest.mark.parametrize("error", [SpoolError("disk I/O error"), ZeroDivisionError("a mistake")])
async def test_a_message_that_cannot_be_stored_may_come_again(
    door: Door, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """451, nothing left behind, and the same connection goes on."""
    accept = door.store.accept

    async def broken(_: object) -> None:
        monkeypatch.setattr(door.store, "accept", accept)
        raise error

    monkeypatch.setattr(door.store, "accept", broken)
    device = await door.device()
    await device.envelope()
    device.say(LARGE + b".\r\n")
    assert (await device.hear())[:3] == "451"
    assert door.bodies() == []
    assert door.events("intake.failed")[0]["remedy"]
    device.say(ENVELOPE[13:] + b"DATA\r\n" + LARGE + b".\r\n")
    assert [(await device.hear())[:3] for _ in range(4)] == ["250", "250", "354", "250"]
    assert door.bodies() == door.queued()


async def test_a_message_that_is_too_large_is_read_to_its_end_and_refused(open_door: Callable[..., Any]) -> None:
    """Devices look for an answer only there."""
    door = await open_door(intake={"max_message_size": 100_000})
    device = await door.device()
    await device.envelope()
    device.say(LARGE + b".\r\n")
    assert (await device.hear())[:3] == "552"
    assert door.bodies() == []
    assert (await device.ask("NOOP"))[:3] == "250"


async def test_a_silent_device_is_told_and_dropped(open_door: Callable[..., Any]) -> None:
    """Between commands."""
    door = await open_door(intake={"command_timeout_s": 0.05})
    device = await door.device()
    assert [(await device.hear())[:3] for _ in range(2)] == ["220", "421"]
    assert await device.ended()


async def test_a_device_that_falls_silent_in_a_message_is_dropped(open_door: Callable[..., Any]) -> None:
    """And leaves nothing; as long as octets come, it may take its time."""
    door = await open_door(intake={"command_timeout_s": 5, "data_timeout_s": 0.1})
    device = await door.device()
    await device.envelope()
    for _ in range(6):
        device.say(b"X: y\r\n")
        await asyncio.sleep(0.04)
    assert (await device.hear())[:3] == "421"
    assert await device.ended()
    await until(lambda: door.house.sessions == 0)
    assert door.bodies() == []


async def test_a_slow_disk_is_not_the_fault_of_the_device(
    open_door: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No timeout runs while the message is stored."""
    door = await open_door(intake={"command_timeout_s": 0.1, "data_timeout_s": 0.1})
    accept = door.store.accept

    async def slow(new: Any) -> None:
        await asyncio.sleep(0.25)
        await accept(new)

    monkeypatch.setattr(door.store, "accept", slow)
    device = await door.device()
    await device.envelope()
    device.say(LETTER + b".\r\n")
    assert (await device.hear())[:3] == "250"
    assert (await device.hear())[:3] == "421"


async def test_many_errors_end_the_connection(door: Door) -> None:
    """Each command has one answer; the last word is 421."""
    device = await door.device()
    device.say(b"WHAT\r\n" * 25)
    codes = []
    while reply := await device.hear():
        codes.append(reply[:3])
    assert codes == ["220", *["500"] * 20, "421"]


async def test_a_connection_too_many_is_told_so_and_the_journal_too(open_door: Callable[..., Any]) -> None:
    """And the next one after it gets in when another has left."""
    door = await open_door(intake={"max_sessions": 1})
    first = await door.device()
    await first.hear()
    assert (await (await door.device()).hear())[:3] == "421"
    assert "intake.max_sessions" in door.events("client.refused")[0]["reason"]
    await first.ask("QUIT")
    await until(lambda: door.house.sessions == 0)
    assert (await (await door.device()).hear())[:3] == "220"


async def test_starttls_forgets_the_login_and_what_was_sent_in_clear_behind_it(
    door: Door, trusting: ssl.SSLContext
) -> None:
    """RFC 3207 §4.2: a command injected before the handshake is never obeyed."""
    device = await door.device()
    await device.hear()
    await device.ask("EHLO x")
    device.say(b"STARTTLS\r\nRSET\r\n")
    assert (await device.hear())[:3] == "220"
    await device.writer.start_tls(trusting)
    assert "STARTTLS" not in await device.ask("EHLO x")
    await device.ask("MAIL FROM:<a@b.test>")
    assert (await device.ask("RCPT TO:<ann@contoso.test>"))[:3] == "250"
    assert (await device.ask("DATA"))[:3] == "354"
    device.say(LARGE + b".\r\n")
    assert (await device.hear())[:3] == "250"
    assert len(door.queued()) == 1


async def test_a_failed_handshake_leaves_no_clock_running(door: Door) -> None:
    """Neither on STARTTLS nor on implicit TLS."""
    device = await door.device()
    await device.hear()
    await device.ask("STARTTLS")
    (session,) = door.server._sessions
    device.say(b"this is no handshake\r\n")
    assert await device.ended()
    await until(lambda: not door.server._sessions)
    assert not session._alarm.running
    assert len(door.events("session.broken")) == 1
    (await door.device(1)).say(b"EHLO x\r\n")
    await asyncio.sleep(0.01)
    assert door.house.sessions == 0


async def test_what_waits_for_the_disk_is_bounded(
    open_door: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that does not write makes the device wait, not the memory grow."""
    door = await open_door()
    gate = asyncio.Event()
    drafts: list[Any] = []
    draft_of = door.store.draft

    def held() -> Any:
        draft = draft_of()
        off_loop = draft._off_loop

        async def later(*work: Any) -> None:
            await gate.wait()
            await off_loop(*work)

        draft._off_loop = later
        drafts.append(draft)
        return draft

    monkeypatch.setattr(door.store, "draft", held)
    device = await door.device()
    await device.envelope()
    device.say(b"Subject: x\r\n\r\n" + LARGE * 8 + b".\r\n")
    await until(lambda: drafts[0].backlog > 200_000)
    await asyncio.sleep(0.1)
    assert drafts[0].backlog < 1_000_000
    gate.set()
    assert (await device.hear())[:3] == "250"


async def test_a_client_that_reads_nothing_is_cut_when_its_time_is_over(open_door: Callable[..., Any]) -> None:
    """Closing would wait for ever until it takes what was answered."""
    door = await open_door(intake={"command_timeout_s": 0.3})
    device = await door.device()
    device.writer.transport.pause_reading()
    device.say(b"NOOP\r\n" * 1_000_000)
    await until(lambda: door.house.sessions == 1)
    await until(lambda: door.house.sessions == 0)
