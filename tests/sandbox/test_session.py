"""The dialogue with Exchange, word for word and octet for octet."""

import asyncio
import base64
import re
import ssl

import pytest

from relay.sandbox.body import Body, read_data
from relay.sandbox.cloud import Cloud, CloudOptions
from relay.sandbox.exchange import Policy
from relay.sandbox.faults import Fault
from relay.sandbox.wire import Wire
from tests.sandbox.conftest import MESSAGE, SCANNER, enter, token, xoauth2
from tests.sandbox.wires import Talk

BEFORE_TLS = ["SIZE 157286400", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES", "STARTTLS"]
AFTER_TLS = ["SIZE 157286400", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES", "AUTH LOGIN XOAUTH2"]
REST = ["8BITMIME", "BINARYMIME", "CHUNKING", "SMTPUTF8"]
ENVELOPE = b"MAIL FROM:<scanner@contoso.test>\r\nRCPT TO:<ann@contoso.test>\r\n"


async def replies(talk, count):
    """The next replies, in order."""
    return [await talk.reply() for _ in range(count)]


async def test_the_greeting_names_host_time_and_session(cloud):
    """The 220 line has the form of the real one."""
    talk = await Talk.open(cloud.settings)
    form = r"220 \S+ Microsoft ESMTP MAIL Service ready at \w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000 \[[0-9A-F]{16}\]"

    assert re.fullmatch(form, await talk.reply())


async def test_ehlo_offers_exactly_what_exchange_online_offers(cloud):
    """STARTTLS stands before TLS where AUTH stands after it; nothing else differs."""
    talk = await Talk.open(cloud.settings)
    await talk.reply()
    clear = (await talk.ask("EHLO relay.test")).split("\n")
    talk = await Talk.secured(cloud.settings)
    secure = (await talk.ask("ehlo relay.test")).split("\n")

    assert [line[4:] for line in clear[1:]] == BEFORE_TLS + REST
    assert [line[4:] for line in secure[1:]] == AFTER_TLS + REST
    assert clear[0].endswith(" Hello [127.0.0.1]")


async def test_what_is_sent_in_clear_behind_starttls_is_dropped(cloud):
    """A command pipelined behind STARTTLS is not executed inside TLS (CVE-2011-0411)."""
    talk = await Talk.open(cloud.settings)
    await talk.reply()
    await talk.ask("EHLO relay.test")
    await talk.send(b"STARTTLS\r\nNOOP\r\n")
    assert await talk.reply() == "220 2.0.0 SMTP server ready"

    await talk.writer.start_tls(
        ssl.create_default_context(cafile=str(cloud.settings.ca_file)), server_hostname="localhost"
    )

    assert (await talk.ask("HELO relay.test")).startswith("250 ")
    assert await talk.ask("QUIT") == "221 2.0.0 Service closing transmission channel"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("MAIL FROM:<scanner@contoso.test>", "503 5.5.2 Send hello first"),
        ("RCPT TO:<a@b.test>", "503 5.5.2 Need mail command"),
        ("DATA", "503 5.5.2 Need mail command"),
        ("HELO", "501 5.5.4 Invalid domain name"),
        ("AUTH XOAUTH2 eA==", "504 5.7.4 Unrecognized authentication type"),
        ("NOOP", "250 2.0.0 OK"),
        ("RSET", "250 2.0.0 Resetting"),
        ("XYZ 1", "500 5.3.3 Unrecognized command 'XYZ'"),
    ],
)
async def test_commands_out_of_place_get_exchanges_words(cloud, command, answer):
    """Each mistake in clear has its literal reply."""
    talk = await Talk.open(cloud.settings)
    await talk.reply()

    assert await talk.ask(command) == answer


async def test_nobody_sends_unless_signed_in(cloud):
    """MAIL needs TLS, then AUTH."""
    talk = await Talk.open(cloud.settings)
    await talk.reply()
    await talk.ask("EHLO relay.test")
    secure = await Talk.secured(cloud.settings)

    assert (await talk.ask("MAIL FROM:<scanner@contoso.test>")).startswith("451 5.7.3 STARTTLS is required")
    assert (await secure.ask("MAIL FROM:<scanner@contoso.test>")).startswith("530 5.7.57 Client not authenticated")


async def test_passwords_are_refused_as_basic_authentication(cloud):
    """AUTH LOGIN is offered, asked through, and refused."""
    talk = await Talk.secured(cloud.settings)

    assert await talk.ask("AUTH LOGIN") == "334 VXNlcm5hbWU6"
    assert await talk.ask("c2Nhbm5lcg==") == "334 UGFzc3dvcmQ6"
    assert "5.7.139 Authentication unsuccessful, basic authentication is disabled." in await talk.ask("eA==")


async def test_a_line_of_12288_octets_is_read_and_a_longer_one_ends_the_session(cloud):
    """The long XOAUTH2 line fits (RFC 4954 §4), more does not."""
    talk = await Talk.secured(cloud.settings)
    longest = "AUTH XOAUTH2 " + "A" * (12288 - 13 - 1)

    assert (await talk.ask(longest)).startswith("535 5.7.3 Authentication unsuccessful [SBX")
    assert await talk.ask("A" * 12290) == "500 5.5.2 Line too long"
    assert await talk.reply() == ""


async def test_a_pipelined_flight_is_answered_in_order(cloud, talk):
    """MAIL, RCPT and DATA in one write, then body and the next flight in one write."""
    await talk.send(ENVELOPE + b"data\r\n")
    first = await replies(talk, 3)
    await talk.send(MESSAGE + b".\r\n" + ENVELOPE + b"RSET\r\n")
    second = await replies(talk, 4)

    assert first == ["250 2.1.0 Sender OK", "250 2.1.5 Recipient OK", "354 Start mail input; end with <CRLF>.<CRLF>"]
    assert [reply[:3] for reply in second] == ["250"] * 4
    assert cloud.arrivals[0].raw == MESSAGE


async def test_bdat_chunks_make_one_message(cloud, talk):
    """Envelope and chunks in one flight; dots are octets like others; an empty LAST chunk ends the message."""
    body = MESSAGE + b".\r\n..\r\n"
    await talk.send(ENVELOPE + b"BDAT 10\r\n" + body[:10] + f"bdat {len(body) - 10}\r\n".encode() + body[10:])
    got = await replies(talk, 4)
    last = await talk.ask("BDAT 0 LAST")

    assert got[2:] == [
        "250 2.6.0 CHUNK received OK, 10 octets",
        f"250 2.6.0 CHUNK received OK, {len(body) - 10} octets",
    ]
    assert last.startswith("250 2.0.0 OK <1@dev>")
    assert (cloud.arrivals[0].raw, cloud.arrivals[0].via) == (body, "BDAT")


async def test_a_chunk_without_recipients_is_read_and_refused(talk):
    """The octets of a refused chunk are not taken for commands."""
    await talk.send(b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")

    assert await replies(talk, 2) == ["503 5.5.2 Need mail command", "250 2.0.0 OK"]


CASES = [b"..", b".", b"..\r\n..x\r\n.y", b"x" * 5000, b"\r\n.\n\r\n.\r.", b"a\r\n" * 900]


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7, 100_000])
async def test_dots_are_undone_wherever_the_stream_is_cut(piece):
    """Any text, stuffed and sent in pieces of any size, arrives as it was; what follows the end is left alone."""

    for text in CASES:
        content = text + b"\r\n"
        stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\nQUIT\r\n"
        wire, body = Wire(lambda _: None), Body(None, limit=10**9)
        reading = asyncio.ensure_future(read_data(wire, body))
        for start in range(0, len(stuffed), piece):
            wire.data_received(stuffed[start : start + piece])
            await asyncio.sleep(0)
        await asyncio.wait_for(reading, 5)

        assert body.finish() == content
        assert await wire.read_line() == b"QUIT"


async def test_a_large_message_goes_to_a_file_and_comes_back_whole(cloud, talk):
    """Beyond 256 KiB the content is kept on disk, unchanged."""
    body = MESSAGE + (b"0123456789" * 7 + b"\r\n") * 20_000
    await talk.send(ENVELOPE + f"BDAT {len(body)} LAST\r\n".encode() + body)
    await replies(talk, 3)

    assert cloud.arrivals[0].path.stat().st_size == len(body) == cloud.arrivals[0].size
    assert cloud.arrivals[0].raw == body


async def test_a_client_that_leaves_within_data_has_sent_nothing(cloud, talk):
    """Without the end of data there is no message, and its file is gone."""
    await talk.send(ENVELOPE + b"DATA\r\n" + MESSAGE + b"x" * 600_000)
    await replies(talk, 3)
    cloud.exchange.session_ended.clear()
    talk.close()
    await cloud.exchange.session_ended.wait()

    assert len(cloud.arrivals) == 0
    assert list(cloud.exchange.directory.iterdir()) == []


async def test_extensions_that_are_switched_off_are_refused():
    """Without CHUNKING there is no BDAT; without PIPELINING a flight is refused."""
    async with Cloud(CloudOptions(chunking=False, pipelining=False)) as cloud:
        talk = await enter(cloud.settings, await token(cloud.settings))
        offered = await talk.ask("EHLO relay.test")
        unknown = await talk.ask("BDAT 1 LAST")
        await talk.send(ENVELOPE)

        assert "CHUNKING" not in offered
        assert "PIPELINING" not in offered
        assert unknown == "500 5.3.3 Unrecognized command 'BDAT'"
        assert await talk.reply() == "503 5.5.0 Improper use of SMTP command pipelining"


async def test_latency_is_paid_once_per_flight():
    """With a long line the replies to one flight come together, not one after the other."""
    async with Cloud(CloudOptions(reply_delay_s=0.2)) as cloud:
        talk = await enter(cloud.settings, await token(cloud.settings))
        clock = asyncio.get_running_loop().time
        began = clock()
        await talk.send(ENVELOPE + b"RSET\r\n" * 8)
        got = await replies(talk, 10)

        assert [reply[:3] for reply in got] == ["250"] * 10
        assert 0.2 <= clock() - began < 1.2


async def test_an_idle_session_is_ended():
    """Exchange says that it hangs up, and does."""
    async with Cloud(CloudOptions(policy=Policy(idle_s=0.05))) as cloud:
        talk = await Talk.open(cloud.settings)
        await talk.reply()

        assert (await talk.reply()).startswith("421 4.4.1 Connection timed out. Total session duration: 00:00:0")
        assert await talk.reply() == ""


async def test_a_challenge_is_answered_by_an_empty_line(cloud):
    """The error JSON comes as a 334 when asked for, then the literal 535."""

    cloud.faults.add(Fault(stage="auth", action="challenge"))
    talk = await Talk.secured(cloud.settings)
    asked = await talk.ask("AUTH XOAUTH2 " + xoauth2(SCANNER, await token(cloud.settings)))

    assert b'"status":"401"' in base64.b64decode(asked.removeprefix("334 "))
    assert (await talk.ask("")).startswith("535 5.7.3 Authentication unsuccessful [")
