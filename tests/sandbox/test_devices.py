"""The pretend devices: what they send is real, and how they send it is theirs."""

import asyncio
import base64
import re
import zlib
from email import message_from_bytes

import pytest

from relay.sandbox import devices, scan
from relay.sandbox.devices import GaveUpError, Target

ANN = ("ann@contoso.test",)


class Script:
    """A mail server that answers by a list and notes what it was sent and from where."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.got = []
        self.peers = []
        self.data = b""

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=8_000_000)
        self.target = Target("127.0.0.1", self.server.sockets[0].getsockname()[1], timeout_s=5)
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def serve(self, reader, writer):
        self.peers.append(writer.get_extra_info("peername")[0])
        writer.write(b"220 ready\r\n")
        while line := await reader.readline():
            self.got.append(line)
            answer = self.answers.pop(0)
            writer.write(answer + b"\r\n")
            if answer.startswith(b"354"):
                self.data = await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 2.0.0 queued\r\n")
        writer.close()


async def test_the_scan_is_a_valid_pdf_of_five_pages_and_five_megabytes():
    """The cross-reference table points at every object and each picture unpacks to its size."""
    made = await asyncio.to_thread(scan.pdf, 5)
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", made)[1])
    offsets = [int(offset) for offset in re.findall(rb"(\d{10}) 00000 n", made[start:])]
    streams = re.findall(rb"/FlateDecode /Length (\d+) >>\nstream\n", made)
    first = made.index(b"/FlateDecode")
    picture = made[made.index(b"stream\n", first) + 7 :][: int(streams[0])]

    assert 5_000_000 < len(made) < 6_500_000
    assert [made[offset : offset + 10].startswith(b"%d 0 obj" % n) for n, offset in enumerate(offsets, 1)] == [
        True
    ] * 17
    assert len(streams) == 5
    assert len(zlib.decompress(picture)) == 1240 * 1754


def test_the_same_number_gives_the_same_scan():
    """Byte for byte, so that a demo can be compared with itself."""
    assert scan.pdf(1, seed=7) == scan.pdf(1, seed=7) != scan.pdf(1, seed=8)


async def test_the_copier_speaks_from_its_address_in_lower_case_and_leaves_without_quit():
    """EHLO, MAIL from, rcpt to, data; then the PDF in base64 with CRLF."""
    async with Script(b"250 hi", b"250 ok", b"250 ok", b"354 go") as server:
        target = Target(server.target.host, server.target.port, source="127.0.0.5")
        sent = await asyncio.to_thread(devices.send_scan, target, sender="c@x.test", recipients=ANN, pages=1)
    pdf = message_from_bytes(sent.message).get_payload(1)

    assert server.got == [
        b"EHLO [192.168.1.21]\r\n", b"MAIL from:<c@x.test>\r\n", b"rcpt to:<ann@contoso.test>\r\n", b"data\r\n",
    ]  # fmt: skip
    assert server.peers == ["127.0.0.5"]
    assert server.data == sent.message + b".\r\n"
    assert sent.message.count(b"\n") == sent.message.count(b"\r\n")
    assert pdf.get_payload(decode=True).startswith(b"%PDF-1.4")
    assert sent.answer == "250 2.0.0 queued"


async def test_the_application_signs_in_and_stuffs_its_dots():
    """`auth login` in lower case, then user name and password in base64."""
    answers = [b"250-hi\r\n250 AUTH LOGIN", b"334 VXNlcm5hbWU6", b"334 UGFzc3dvcmQ6", b"235 in"]
    async with Script(*answers, b"250 ok", b"250 ok", b"354 go", b"221 bye") as server:
        sent = await asyncio.to_thread(
            devices.send_invoice, server.target, sender="e@x.test", recipients=ANN, username="erp", password="pw"
        )

    assert server.got[1:4] == [b"auth login\r\n", base64.b64encode(b"erp") + b"\r\n", base64.b64encode(b"pw") + b"\r\n"]
    assert b"\r\n.. a line that begins with a dot\r\n" in server.data
    assert b"\r\n. a line that begins with a dot\r\n" in sent.message
    assert max(map(len, sent.message.split(b"\r\n"))) > 998
    assert "cHc=" not in str(sent.transcript)


async def test_the_application_gives_up_on_another_challenge():
    """A challenge that means the same but reads otherwise is not understood."""
    async with Script(b"250 hi", b"334 VXNlciBOYW1lAA==") as server:
        with pytest.raises(GaveUpError, match=r"the application wanted '334 VXNlcm5hbWU6'.*334 VXNlciBOYW1lAA=="):
            await asyncio.to_thread(
                devices.send_invoice, server.target, sender="e@x.test", recipients=ANN, username="erp", password="pw"
            )


async def test_the_plc_says_helo_without_a_name_and_bare_line_feeds():
    """The body's lines end with LF only, the end of data is CRLF.CRLF, and there is no Date and no Message-ID."""
    async with Script(b"250 hi", b"250 ok", b"250 ok", b"354 go", b"221 bye") as server:
        sent = await asyncio.to_thread(devices.send_alarm, server.target, sender="p@x.test", recipients=ANN)

    assert server.got == [
        b"HELO\r\n", b"MAIL FROM: <p@x.test>\r\n", b"RCPT TO: <ann@contoso.test>\r\n", b"DATA \r\n", b"QUIT \r\n",
    ]  # fmt: skip
    assert server.data == sent.message + b"\r\n.\r\n"
    assert b"overflow\nlevel 91 %\n" in sent.message
    assert b"Date:" not in sent.message
    assert b"Message-ID:" not in sent.message


async def test_the_plc_is_out_of_step_after_a_reply_in_two_segments():
    """It reads once per reply: a second segment is taken for the next reply."""
    async with Script(b"25") as server:
        with pytest.raises(GaveUpError, match="the PLC wanted '250'"):
            await asyncio.to_thread(devices.send_alarm, server.target, sender="p@x.test", recipients=ANN)


async def test_a_device_whose_server_is_away_gives_up_with_a_reason():
    """Refused, cut off and silent are all one to a device: it gives up, and says what it saw."""
    async with Script() as server:
        nobody = server.target
    with pytest.raises(GaveUpError, match=r"the PLC wanted '127\.0\.0\.1:\d+' and gave up: .*refused"):
        await asyncio.to_thread(devices.send_alarm, nobody, sender="p@x.test", recipients=ANN)
    async with Script(b"250 hi", b"550 5.7.1 not you") as server:
        with pytest.raises(GaveUpError, match=r"the copier wanted '250' and gave up: .* \| 550 5\.7\.1 not you"):
            await asyncio.to_thread(devices.send_scan, server.target, sender="c@x.test", recipients=ANN, pages=0)
