"""Pretend devices that send real input the way real ones do, on bare sockets: a copier, a legacy application, a PLC.

Each function blocks until the device has its answer (call it in a thread) and raises `GaveUpError` with the transcript
where the real device would show an error code. `source` is the local address a device speaks from, so that several
can be told apart on one machine (127.0.0.2, 127.0.0.3, ...).

How they behave is taken from: Canon Color Send Kit-Y1 service manual (order of mechanisms, lower-case words, no
QUIT), the lwIP and SEW MOVI-PLC mail clients (challenges compared literally, HELO without argument, one segment read
per reply, no dot-stuffing, no Date and no Message-ID).
"""

import base64
import socket
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import NoReturn, Self

from relay.sandbox import scan

_PIECE = 64 * 1024


class GaveUpError(Exception):
    """The device did not get the answer it knows; `transcript` is what was said."""

    def __init__(self, device: str, wanted: str, transcript: list[str]) -> None:
        said = " | ".join(transcript[-4:])
        super().__init__(f"the {device} wanted {wanted!r} and gave up: {said}")
        self.transcript = tuple(transcript)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a device is told to send: its mail server, and the address it speaks from."""

    host: str
    port: int
    source: str = ""
    timeout_s: float = 20.0  # the shortest seen in a real device (an APC management card)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message a device got rid of: its content as the device meant it, the last answer, the time it took."""

    device: str
    sender: str
    recipients: tuple[str, ...]
    message: bytes
    answer: str
    seconds: float
    transcript: tuple[str, ...]


@dataclass(slots=True)
class Line:
    """The device's connection; every reply must begin as the device expects it."""

    device: str
    sock: socket.socket
    one_segment: bool = False
    transcript: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, device: str, target: Target, *, one_segment: bool = False) -> Self:
        """Connect and read the greeting."""
        source = (target.source, 0) if target.source else None
        try:
            sock = socket.create_connection((target.host, target.port), target.timeout_s, source_address=source)
        except OSError as error:
            raise GaveUpError(device, f"{target.host}:{target.port}", [str(error)]) from error
        line = cls(device, sock, one_segment)
        line.expect("220")
        return line

    def say(self, command: bytes, wanted: str, *, shown: str = "") -> str:
        """Send a command with its CRLF and return the reply; raise GaveUpError when it does not begin as wanted."""
        self.transcript.append(shown or command.decode("latin-1"))
        self._send(command + b"\r\n")
        return self.expect(wanted)

    def expect(self, wanted: str) -> str:
        """Read a reply and compare its beginning."""
        try:
            reply = self._segment() if self.one_segment else self._whole_reply()
        except OSError as error:
            self._give_up(wanted, str(error), error)
        if not reply.startswith(wanted):
            self._give_up(wanted, reply.rstrip() or "(the connection ended)")
        self.transcript.append(reply.splitlines()[0])
        return reply.rstrip("\r\n")

    def pour(self, content: bytes) -> None:
        """Send content in pieces, as a device with little memory does."""
        self.transcript.append(f"({len(content)} octets)")
        view = memoryview(content)
        for start in range(0, len(view), _PIECE):
            self._send(view[start : start + _PIECE])

    def _send(self, octets: bytes | memoryview) -> None:
        try:
            self.sock.sendall(octets)
        except OSError as error:
            self._give_up("to send", str(error), error)

    def _give_up(self, wanted: str, got: str, error: OSError | None = None) -> NoReturn:
        self.sock.close()
        self.transcript.append(got)
        raise GaveUpError(self.device, wanted.rstrip(), self.transcript) from error

    def _segment(self) -> str:
        """What one read gives: a reply that comes in two segments is out of step from here on."""
        return self.sock.recv(2048).decode("latin-1")

    def _whole_reply(self) -> str:
        got = bytearray()
        while not _is_complete(got):
            piece = self.sock.recv(4096)
            if not piece:
                break
            got += piece
        return got.decode("latin-1")


def send_scan(target: Target, *, sender: str, recipients: tuple[str, ...], pages: int = 5, number: int = 485) -> Sent:
    """A copier known by its address alone sends a PDF of about 1.1 MB per page, and leaves without QUIT."""
    message = scan_message(sender, recipients, pages=pages, number=number)
    began = time.monotonic()
    line = Line.open("copier", target)
    with line.sock:
        line.say(b"EHLO [192.168.1.21]", "250")
        line.say(f"MAIL from:<{sender}>".encode(), "250")
        for recipient in recipients:
            line.say(f"rcpt to:<{recipient}>".encode(), "250")
        line.say(b"data", "354")
        line.pour(_dotted(message) + b".\r\n")
        answer = line.expect("250")
    return _sent(line, (sender, recipients), message, answer, began)


def send_invoice(
    target: Target, *, sender: str, recipients: tuple[str, ...], username: str, password: str, number: int = 4711
) -> Sent:
    """A legacy application signs in by AUTH LOGIN, with challenges compared letter by letter, and sends a text."""
    message = _invoice(sender, recipients, number)
    began = time.monotonic()
    line = Line.open("application", target)
    with line.sock:
        line.say(b"EHLO ERP_SERVER", "250")
        line.say(b"auth login", "334 VXNlcm5hbWU6\r\n")
        line.say(base64.b64encode(username.encode()), "334 UGFzc3dvcmQ6\r\n", shown="(user name)")
        line.say(base64.b64encode(password.encode()), "235", shown="(password)")
        line.say(f"MAIL FROM:<{sender}>".encode(), "250")
        for recipient in recipients:
            line.say(f"RCPT TO:<{recipient}>".encode(), "250")
        line.say(b"DATA", "354")
        line.pour(_dotted(message) + b".\r\n")
        answer = line.expect("250")
        line.say(b"QUIT", "221")
    return _sent(line, (sender, recipients), message, answer, began)


def send_alarm(target: Target, *, sender: str, recipients: tuple[str, ...], text: str = "Tank 3 overflow") -> Sent:
    """A PLC says HELO without a name, reads one segment per reply, and ends its lines with a bare line feed."""
    message = _alarm(sender, recipients, text)
    began = time.monotonic()
    line = Line.open("PLC", target, one_segment=True)
    with line.sock:
        line.say(b"HELO", "250")
        line.say(f"MAIL FROM: <{sender}>".encode(), "250")
        for recipient in recipients:
            line.say(f"RCPT TO: <{recipient}>".encode(), "250")
        line.say(b"DATA ", "354")
        line.pour(message + b"\r\n.\r\n")
        answer = line.expect("250")
        line.say(b"QUIT ", "221")
    return _sent(line, (sender, recipients), message, answer, began)


def scan_message(sender: str, recipients: tuple[str, ...], *, pages: int, number: int) -> bytes:
    """The copier's message: headers as Canon writes them, the PDF in base64."""
    encoded = base64.encodebytes(scan.pdf(pages, seed=number)).replace(b"\n", b"\r\n")
    stamp = time.strftime("%Y%m%d%H%M%S")
    boundary = f"Boundary_{number:04d}_{stamp}"
    head = [
        f"Date: {formatdate(localtime=True)}",
        f"From: {sender}",
        "Subject: Attached Image",
        f"To: {', '.join(recipients)}",
        f"Message-ID: <{stamp}.0001.CanonTxNo.{number:04d}@copier-2nd-floor.>",
        "MIME-Version: 1.0",
        "X-Mailer: Canon MFP",
        f'Content-Type: multipart/mixed; boundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=us-ascii",
        "Content-Transfer-Encoding: 7bit",
        "",
        f"Pages: {pages}",
        "",
        f"--{boundary}",
        f'Content-Type: application/pdf; name="{number:04d}_001.pdf"',
        "Content-Transfer-Encoding: base64",
        f'Content-Disposition: attachment; filename="{number:04d}_001.pdf"',
        "",
        "",
    ]
    return "\r\n".join(head).encode() + encoded + f"--{boundary}--\r\n".encode()


def _invoice(sender: str, recipients: tuple[str, ...], number: int) -> bytes:
    lines = [
        f'From: "ERP, Invoicing" <{sender}>',
        f"To: {', '.join(recipients)}",
        f"Subject: Invoice {number}",
        f"Date: {formatdate(localtime=True)}",
        "Content-Type: text/plain; charset=iso-8859-1",
        "Content-Transfer-Encoding: 8bit",
        "",
        f"Invoice {number}",
        ". a line that begins with a dot",
        "Gesamtbetrag für Müller & Söhne: 1.234,50 EUR",
        ".",
        "" + "-" * 1200,  # longer than RFC 5322 allows a line to be
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n"


def _alarm(sender: str, recipients: tuple[str, ...], text: str) -> bytes:
    head = f"From: {sender}\r\nTo: {', '.join(recipients)}\r\nSubject: ALARM\r\n\r\n"
    body = "".join(f"{text}\nlevel {level} %\nacknowledge at panel {level % 4}\n" for level in (91, 95, 99))
    return (head + body).encode()


def _dotted(message: bytes) -> bytes:
    """RFC 5321 §4.5.2; the PLC has no such code."""
    return (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]


def _is_complete(reply: bytearray) -> bool:
    last = reply[:-1].rpartition(b"\n")[2]
    return reply.endswith(b"\n") and last[3:4] != b"-"


def _sent(line: Line, way: tuple[str, tuple[str, ...]], message: bytes, answer: str, began: float) -> Sent:
    seconds = time.monotonic() - began
    return Sent(line.device, *way, message, answer, seconds, tuple(line.transcript))
