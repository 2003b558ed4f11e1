"""Says what a dialogue file says over a real socket, and holds every answer against what the file expects.

Beyond the file, every reply is held to what small devices need: a code they know, ASCII, an enhanced code, lines that
fit their buffers, and the whole reply in one segment.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.dialogues.script import Script, Step

WAIT_S = 30.0
_CODES = re.compile("220|221|235|250|334|354|421|45[012]|50[0-4]|530|535|55[0-4]")
_WITHOUT_STATUS = frozenset({"334", "354"})
_STATUS = re.compile(r"\d{3} [245]\.\d{1,3}\.\d{1,3} \S")
_REPLY = re.compile(r"(?:(\d{3})-[ -~]*\r\n)*(\d{3}) [ -~]*\r\n")


class Unexpected(AssertionError):  # noqa: N818  (named for what happened)
    """The relay said or did something else; the message shows the dialogue up to there."""


class Player:
    """Plays one script against one port."""

    def __init__(self, script: Script, address: tuple[str, int], client: str, *, implicit: bool) -> None:
        self._script = script
        self._address = address
        self._client = client
        self._implicit = implicit
        self._transcript: list[str] = []
        self._ahead = ""
        self._queued = b""
        self._reply = ""
        self._expected: list[str] = []
        self._over = False
        self._closed = False

    def play(self) -> None:
        """From connect to close. Raises `Unexpected`."""
        self._connect()
        try:
            for step in self._script.steps:
                self._do(step)
            if self._reply[:3] in ("221", "421") and not self._closed:
                self._expect_closed("the end")
        finally:
            self._socket.close()

    def _connect(self) -> None:
        self._socket: socket.socket = socket.create_connection(
            self._address, timeout=WAIT_S, source_address=(self._client, 0)
        )
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ahead = self._reply = ""
        self._closed = False
        if self._implicit:
            self._encrypt()

    def _do(self, step: Step) -> None:
        self._transcript.append(f"{step.line:4} {step.kind} {step.text[:100]}")
        try:
            self._perform(step)
        except (OSError, ValueError) as error:
            raise self._failure(step, f"{type(error).__name__}: {error}") from error

    def _perform(self, step: Step) -> None:
        match step.kind:
            case "C+":
                self._queued += step.octets
            case "C:" | "C!":
                self._socket.sendall(self._queued + step.octets)
                self._queued = b""
            case "C.":
                for octet in step.octets:
                    self._socket.sendall(bytes([octet]))
            case "S:":
                self._expect(step)
            case "has" | "lacks":
                if (step.text in self._reply) is not (step.kind == "has"):
                    raise self._failure(step, f"the reply was {self._reply!r}")
            case _:
                self._order(step)

    def _order(self, step: Step) -> None:
        match step.kind:
            case "pause":
                time.sleep(float(step.text))
            case "half-close":
                self._socket.shutdown(socket.SHUT_WR)
            case "close" | "reset":
                self._leave(abruptly=step.kind == "reset")
            case "reconnect":
                self._leave(abruptly=False)
                self._connect()
            case "starttls":
                self._encrypt()
            case "tls-hello":
                self._socket.sendall(client_hello())
            case "closed":
                self._expect_closed(str(step.line))
            case "silent":
                self._expect_silence(step)

    def _leave(self, *, abruptly: bool) -> None:
        if abruptly:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()
        self._closed = True

    def _encrypt(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._socket = context.wrap_socket(self._socket)

    # -- what the relay says

    def _expect(self, step: Step) -> None:
        """One whole reply; lines of a multi-line expectation are collected up to its last."""
        self._expected.append(step.text)
        if step.text[3:4] == "-":
            return
        wanted = "\n".join([self._expected[0][:3] + " " + self._expected[0][4:], *(x[4:] for x in self._expected[1:])])
        self._expected = []
        self._reply = self._next(step)
        pattern = ".*".join(re.escape(part) for part in wanted.split("~"))
        if not re.fullmatch(pattern, self._reply, re.DOTALL):
            raise self._failure(step, f"the reply was {self._reply!r}")

    def _next(self, step: Step) -> str:
        """The next reply: code, blank, texts of its lines."""
        if not self._ahead:
            octets = self._socket.recv(1 << 17)
            if not octets:
                raise self._failure(step, "the relay closed the connection")
            self._ahead = octets.decode("ascii")
        found = _REPLY.match(self._ahead)
        if found is None:
            raise self._failure(step, f"no whole reply in one segment: {self._ahead!r}")
        self._ahead = self._ahead[found.end() :]
        self._transcript.append(f"          {found[0]!r}")
        lines = found[0].removesuffix("\r\n").split("\r\n")
        self._judge(step, lines)
        return "\n".join([f"{lines[0][:3]} {lines[0][4:]}", *(line[4:] for line in lines[1:])])

    def _judge(self, step: Step, lines: list[str]) -> None:
        """Whether a small device can live with it."""
        codes = {line[:3] for line in lines}
        if len(codes) > 1 or not _CODES.fullmatch(lines[0][:3]):
            raise self._failure(step, f"codes that devices do not know: {lines}")
        if max(map(len, lines)) > 510:
            raise self._failure(step, f"longer than 512 octets (RFC 5321 4.5.3.1.5): {lines}")
        name_first = "220 relay.test ESMTP", "250 relay.test", "250-relay.test"
        plain = codes <= _WITHOUT_STATUS or lines[0].startswith(name_first)
        if not plain and (len(lines) > 1 or not _STATUS.match(lines[0])):
            raise self._failure(step, f"not one line with an enhanced status code: {lines}")

    def _expect_closed(self, where: str) -> None:
        try:
            octets = self._socket.recv(1 << 17) if not self._ahead else self._ahead.encode()
        except ConnectionResetError:
            octets = b""
        if octets:
            raise Unexpected(f"{self._story()}\nline {where}: expected the connection closed, got {octets!r}")
        self._closed = True

    def _expect_silence(self, step: Step) -> None:
        self._socket.settimeout(float(step.text))
        try:
            said = self._ahead.encode() or self._socket.recv(1 << 17)
        except TimeoutError:
            return
        finally:
            self._socket.settimeout(WAIT_S)
        raise self._failure(step, f"expected silence, got {said!r}")

    def _failure(self, step: Step, what: str) -> Unexpected:
        return Unexpected(f"{self._story()}\n{self._script.path}:{step.line}: {step.kind} {step.text}\n{what}")

    def _story(self) -> str:
        return "\n".join(self._transcript[-30:])


def client_hello() -> bytes:
    """The first octets of a TLS connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing).do_handshake()
    return outgoing.read()
