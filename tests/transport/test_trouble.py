"""What goes wrong between the relay and Exchange, and what the caller learns from it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from relay.message.address import Address
from relay.message.parcel import Parcel
from relay.transport.transport import Stage, TransportError

if TYPE_CHECKING:
    from pathlib import Path

HEAD = b"Subject: scan\r\n\r\n"


def parcel(body: bytes | Path = b"hello\r\n", **other: Any) -> Parcel:
    usual: dict[str, Any] = {
        "id": "m1",
        "sender": Address("scanner@contoso.com"),
        "recipients": (Address("ann@contoso.com"),),
        "head": HEAD,
        "body": body,
        "body_size": len(body) if isinstance(body, bytes) else body.stat().st_size,
        "eight_bit": False,
    }
    return Parcel(**usual | other)


def scan(tmp_path, size=8_000_000):
    path = tmp_path / "scan"
    path.write_bytes(b"x" * 998 + b"\r\n" + b"y" * (size - 1002) + b"\r\n")
    return path


async def failure(session, what) -> TransportError:
    """The error a parcel ends with; the session is not usable after it and closes without a word."""
    with pytest.raises(TransportError) as caught:
        await session.send(what)
    assert not session.usable
    await session.close()
    return caught.value


async def test_a_connection_lost_before_the_body_leaves_no_doubt(exchange, way_to, tmp_path):
    """Gone at MAIL of a large message: nothing of the body was sent, so it is certain that it did not arrive."""

    async def leave_at_mail(stage):
        await stage.welcome()
        await stage.hear()

    session = await way_to(await exchange(leave_at_mail)).connect()
    error = await failure(session, parcel(scan(tmp_path)))

    assert (error.stage, error.uncertain, error.reply) == (Stage.MAIL, False, None)


@pytest.mark.parametrize("switches", [{}, {"chunking": False}], ids=["bdat", "data"])
async def test_a_connection_lost_after_the_body_is_uncertain(exchange, way_to, switches):
    """Every octet was taken and the answer is missing: the message may have arrived."""

    async def swallow(stage):
        await stage.welcome()
        while command := await stage.hear():
            if command.startswith("BDAT"):
                await stage.octets(int(command.split()[1]))
                return
            await stage.say("354 go on" if command == "DATA" else "250 OK")
            if command == "DATA":
                while await stage.reader.readline() != b".\r\n":
                    pass
                return

    session = await way_to(await exchange(swallow), **switches).connect()
    error = await failure(session, parcel())

    assert (error.stage, error.uncertain) == (Stage.FINAL, True)


async def test_no_final_answer_in_time_is_uncertain(exchange, way_to):
    """The server keeps silent behind the body: after twice the reply timeout the message is in doubt."""

    async def silent(stage):
        await stage.welcome()
        for _ in range(2):
            await stage.hear()
            await stage.say("250 OK")
        await stage.reader.read()

    session = await way_to(await exchange(silent), reply_timeout_s=0.1).connect()
    error = await failure(session, parcel())

    assert (error.stage, error.uncertain) == (Stage.FINAL, True)
    assert "0.2 s" in error.text


async def test_no_answer_to_mail_in_time_is_no_doubt(exchange, way_to, tmp_path):
    """A command that gets no answer ends the session at that stage."""

    async def silent(stage):
        await stage.welcome()
        await stage.reader.read()

    session = await way_to(await exchange(silent), reply_timeout_s=0.1).connect()
    error = await failure(session, parcel(scan(tmp_path)))

    assert (error.stage, error.uncertain) == (Stage.MAIL, False)
    assert "0.1 s" in error.text


@pytest.mark.parametrize("at", ["MAIL", "RCPT"])
async def test_421_ends_the_session_with_its_words(exchange, way_to, at):
    """421 in answer to a command: the reply is handed on, the body sent along is not in doubt."""

    async def going_down(stage):
        await stage.welcome()
        while command := await stage.hear():
            if command.startswith(at):
                await stage.say("421 4.4.2 Message submission rate for this client has exceeded the configured limit")
                return
            await stage.say("250 OK")

    session = await way_to(await exchange(going_down)).connect()
    error = await failure(session, parcel())

    assert (error.stage.name, error.reply.code, error.reply.enhanced) == (at, 421, "4.4.2")
    assert not error.uncertain


async def test_421_after_the_body_is_the_answer(exchange, way_to):
    """The message was not taken: a receipt, and the session ends."""
    session = await way_to(await exchange(answers={"FINAL": "421 4.3.2 Service not available"})).connect()
    receipt = await session.send(parcel())

    assert receipt.final.code == 421
    assert not session.usable
    await session.close()


async def test_a_server_that_says_goodbye_in_between_is_heard(exchange, way_to):
    """421 on an idle connection makes the session unusable; sending nevertheless names those words and no doubt."""

    async def bored(stage):
        await stage.welcome()
        for _ in range(3):
            await stage._obey(await stage.hear())
        await stage.say("421 4.4.1 Connection timed out")

    session = await way_to(await exchange(bored)).connect()
    assert (await session.send(parcel())).final.code == 250
    await session._wire._gone.wait()
    assert not session.usable
    error = await failure(session, parcel())

    assert (error.stage, error.reply.code, error.uncertain) == (Stage.MAIL, 421, False)


@pytest.mark.parametrize("switches", [{}, {"chunking": False}], ids=["bdat", "data"])
async def test_an_error_in_the_middle_of_the_body_stops_the_upload(exchange, way_to, tmp_path, switches):
    """552 while the body still flows: that reply is the answer, the rest is not sent, the session is over."""

    async def too_big(stage):
        await stage.welcome()
        while command := await stage.hear():
            if command.startswith("BDAT") or command == "DATA":
                if command == "DATA":
                    await stage.say("354 go on")
                await stage.octets(100_000)
                await stage.say("552 5.3.4 Message size exceeds fixed maximum message size")
                break
            await stage.say("250 OK")
        await asyncio.Event().wait()

    size = 40_000_000
    session = await way_to(await exchange(too_big), **switches).connect()
    receipt = await session.send(parcel(scan(tmp_path, size)))

    assert (receipt.final.code, receipt.final.enhanced) == (552, "5.3.4")
    assert not session.usable
    await session.close()


@pytest.mark.parametrize("garbage", ["HTTP/1.1 400 Bad Request", "99 what", "250-one\r\n550 two", "x" * 9000])
async def test_what_is_no_reply_ends_the_session(exchange, way_to, tmp_path, garbage):
    """Garbage is quoted in the error and never taken for an answer."""

    async def strange(stage):
        await stage.welcome()
        await stage.hear()
        await stage.say(garbage)
        await stage.reader.read()

    session = await way_to(await exchange(strange)).connect()
    error = await failure(session, parcel(scan(tmp_path)))

    assert error.reply is None
    assert garbage.split("\r\n")[-1][:20] in error.text


async def test_replies_of_many_lines_in_many_pieces_are_one_reply(exchange, way_to):
    """A reply that drips in octet by octet is read to its last line."""

    async def dripping(stage):
        await stage.welcome()
        lines = [await stage.hear() for _ in range(3)]
        await stage.octets(int(lines[-1].split()[1]))
        for octet in b"250 OK\r\n250-2.1.5 first\r\n250 2.1.5 second\r\n250-2.0.0 queued\r\n250 2.0.0 as 7\r\n":
            stage.writer.write(bytes([octet]))
            await stage.writer.drain()
        await stage.hear()

    session = await way_to(await exchange(dripping)).connect()
    receipt = await session.send(parcel())
    await session.close()

    assert (receipt.final.enhanced, receipt.final.text) == ("2.0.0", "queued\nas 7")


async def test_a_server_that_takes_no_data_is_given_up(exchange, way_to, tmp_path):
    """Nothing flows for the reply timeout: the upload ends, without doubt."""

    async def stuck(stage):
        await stage.welcome()
        for _ in range(2):
            await stage.hear()
            await stage.say("250 OK")
        stage.writer.transport.pause_reading()
        await asyncio.Event().wait()

    session = await way_to(await exchange(stuck), reply_timeout_s=0.2).connect()
    error = await failure(session, parcel(scan(tmp_path, 40_000_000)))

    assert (error.stage, error.uncertain) == (Stage.DATA, False)
    assert "took no data" in error.text


async def test_a_cancelled_parcel_leaves_no_usable_session(exchange, way_to):
    """Answers of the cancelled parcel would be taken for those of the next: the session is over."""
    heard = asyncio.Event()

    async def slow(stage):
        await stage.welcome()
        await stage.hear()
        heard.set()
        await stage.reader.read()

    session = await way_to(await exchange(slow)).connect()
    sending = asyncio.ensure_future(session.send(parcel()))
    await heard.wait()
    sending.cancel()
    await asyncio.wait([sending])

    assert sending.cancelled()
    assert not session.usable
    await session.close()


async def test_goodbye_takes_a_second_at_most(exchange, way_to):
    """A server that ignores QUIT does not hold up the end."""

    async def deaf(stage):
        await stage.welcome()
        await asyncio.Event().wait()

    session = await way_to(await exchange(deaf)).connect()
    started = asyncio.get_running_loop().time()
    await session.close()

    assert asyncio.get_running_loop().time() - started < 2
    assert not session.usable


async def test_a_large_upload_holds_little_in_memory(exchange, way_to, tmp_path):
    """While the server takes nothing, no more than the high-water mark and a chunk wait in the process."""
    waiting = []

    async def stuck(stage):
        await stage.welcome()
        for _ in range(2):
            await stage.hear()
            await stage.say("250 OK")
        stage.writer.transport.pause_reading()
        await asyncio.Event().wait()

    session = await way_to(await exchange(stuck), reply_timeout_s=0.3).connect()
    transport = session._wire._transport
    plain_write = session._wire.write

    def write(data):
        plain_write(data)
        waiting.append(transport.get_write_buffer_size())

    session._wire.write = write
    await failure(session, parcel(scan(tmp_path, 60_000_000)))

    assert len(waiting) < 60
    assert max(waiting) < 1024 * 1024
