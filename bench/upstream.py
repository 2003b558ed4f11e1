"""A fast fake Exchange Online: enough SMTP to be submitted to, so cheap that it is never what limits a peer.

It offers STARTTLS, then XOAUTH2, SIZE, PIPELINING, CHUNKING and 8BITMIME; takes any token, any sender and recipient;
and keeps nothing of a message but its time of arrival and size. Bodies are never looked at line by line.

Latency is that of a round trip: every reply leaves `latency` seconds after the bytes that asked for it arrived, so
commands sent in one flight wait once. AUTH is offered and not demanded, because Debian's Postfix has no XOAUTH2.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

_PLAIN_CAPABILITIES = ("SIZE 157286400", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES", "STARTTLS", "8BITMIME", "CHUNKING")
_TLS_CAPABILITIES = (*_PLAIN_CAPABILITIES[:4], "AUTH LOGIN XOAUTH2", "8BITMIME", "CHUNKING", "SMTPUTF8")
_END_OF_DATA = b"\r\n.\r\n"
_NOT_SPOKEN = b"500 5.3.3 Unrecognized command\r\n"


@dataclass(slots=True)
class Desk:
    """What all connections share: how to behave, and what has arrived (times of `time.monotonic`)."""

    tls: ssl.SSLContext
    latency: float = 0.0
    held: bool = False
    arrivals: list[float] = field(default_factory=list)
    octets: int = 0
    open_connections: int = 0
    peak_connections: int = 0
    waiting: list[Conversation] = field(default_factory=list)
    on_arrival: Callable[[], None] = lambda: None

    def reset(self, latency: float, *, held: bool) -> None:
        """Forgets what arrived and behaves as told from now on; connections held back so far are greeted."""
        self.latency, self.held = latency, held
        self.arrivals, self.octets = [], 0
        self.peak_connections = self.open_connections
        waiting, self.waiting = self.waiting, []
        for conversation in waiting:
            conversation.greet()

    def arrived(self, octets: int) -> None:
        """Counts one message whose last byte is here."""
        self.arrivals.append(time.monotonic())
        self.octets += octets
        self.on_arrival()


class Conversation(asyncio.Protocol):
    """One connection. The mode is the method that takes the next bytes and returns those it has no use for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._mode: Callable[[bytes], bytes] = self._take_command
        self._carry = b""
        self._replies: list[bytes] = []
        self._flights: deque[bytes] = deque()
        self._transport: asyncio.Transport | None = None
        self._upgrade: asyncio.Task[None] | None = None
        self._encrypted = False
        self._size = 0
        self._chunk_left = 0
        self._last_chunk = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        if self._encrypted:
            return
        self._desk.open_connections += 1
        self._desk.peak_connections = max(self._desk.peak_connections, self._desk.open_connections)
        if self._desk.held:
            self._desk.waiting.append(self)
        else:
            self.greet()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._desk.open_connections -= 1
        self._transport = None

    def greet(self) -> None:
        """Sends the 220, now or after the latency."""
        self._reply(b"220 BENCH.outlook.office365.com Microsoft ESMTP MAIL Service ready\r\n")
        self._dispatch()

    def data_received(self, data: bytes) -> None:
        while data:
            data = self._mode(data)
        self._dispatch()

    def _reply(self, reply: bytes) -> None:
        self._replies.append(reply)

    def _dispatch(self) -> None:
        """All replies to one piece of input are one flight; flights leave in the order they were made."""
        if not self._replies:
            return
        self._flights.append(b"".join(self._replies))
        self._replies.clear()
        if self._desk.latency:
            asyncio.get_running_loop().call_later(self._desk.latency, self._depart)
        else:
            self._depart()

    def _depart(self) -> None:
        flight = self._flights.popleft()
        if self._transport is None:
            return
        self._transport.write(flight)
        if flight.startswith(b"221"):
            self._transport.close()
        elif b"SMTP server ready" in flight:
            self._upgrade = asyncio.get_running_loop().create_task(self._start_tls(self._transport))

    async def _start_tls(self, plain: asyncio.Transport) -> None:
        self._encrypted = True
        try:
            secure = await asyncio.get_running_loop().start_tls(plain, self, self._desk.tls, server_side=True)
        except OSError:  # includes ssl.SSLError: the peer went away or does not trust our CA; it will say so itself
            return
        self._transport = secure

    def _take_command(self, data: bytes) -> bytes:
        line, end, rest = (self._carry + data).partition(b"\r\n")
        if not end:
            self._carry = line
            return b""
        self._carry = b""
        verb, _, argument = line.partition(b" ")
        handler = self._COMMANDS.get(verb.upper())
        if handler is None:
            self._reply(_NOT_SPOKEN)
        else:
            handler(self, argument)
        return rest

    def _ehlo(self, _argument: bytes) -> None:
        capabilities = _TLS_CAPABILITIES if self._encrypted else _PLAIN_CAPABILITIES
        lines = ["BENCH.outlook.office365.com Hello [127.0.0.1]", *capabilities]
        text = "".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n"
        self._reply(text.encode())

    def _starttls(self, _argument: bytes) -> None:
        self._reply(b"220 2.0.0 SMTP server ready\r\n")

    def _auth(self, argument: bytes) -> None:
        if b" " in argument:
            self._reply(b"235 2.7.0 Authentication successful\r\n")
        else:
            self._mode = self._take_token
            self._reply(b"334 \r\n")

    def _take_token(self, data: bytes) -> bytes:
        token, end, rest = (self._carry + data).partition(b"\r\n")
        if not end:
            self._carry = token
            return b""
        self._carry, self._mode = b"", self._take_command
        self._reply(b"235 2.7.0 Authentication successful\r\n")
        return rest

    def _mail(self, _argument: bytes) -> None:
        self._size = 0
        self._reply(b"250 2.1.0 Sender OK\r\n")

    def _rcpt(self, _argument: bytes) -> None:
        self._reply(b"250 2.1.5 Recipient OK\r\n")

    def _data(self, _argument: bytes) -> None:
        self._carry, self._mode = b"\r\n", self._take_body  # the CRLF of DATA may be the one of an empty message's end
        self._reply(b"354 Start mail input; end with <CRLF>.<CRLF>\r\n")

    def _take_body(self, data: bytes) -> bytes:
        window = self._carry + data
        end = window.find(_END_OF_DATA)
        if end < 0:
            self._size += len(data)
            self._carry = window[-4:]
            return b""
        rest = window[end + 5 :]
        self._size += len(data) - len(rest)
        self._carry, self._mode = b"", self._take_command
        self._accept()
        return rest

    def _bdat(self, argument: bytes) -> None:
        size, _, last = argument.partition(b" ")
        self._chunk_left, self._last_chunk = int(size), last.upper() == b"LAST"
        self._size += self._chunk_left
        if self._chunk_left:
            self._mode = self._take_chunk
        else:
            self._chunk_done()

    def _take_chunk(self, data: bytes) -> bytes:
        used = min(len(data), self._chunk_left)
        self._chunk_left -= used
        if self._chunk_left:
            return b""
        self._mode = self._take_command
        self._chunk_done()
        return data[used:]

    def _chunk_done(self) -> None:
        if self._last_chunk:
            self._accept()
        else:
            self._reply(b"250 2.6.0 CHUNK received OK\r\n")

    def _accept(self) -> None:
        self._desk.arrived(self._size)
        self._reply(b"250 2.0.0 OK <bench> [Hostname=BENCH] Queued mail for delivery\r\n")

    def _rset(self, _argument: bytes) -> None:
        self._reply(b"250 2.0.0 Resetting\r\n")

    def _quit(self, _argument: bytes) -> None:
        self._reply(b"221 2.0.0 Service closing transmission channel\r\n")

    _COMMANDS = {  # noqa: RUF012
        b"EHLO": _ehlo,
        b"HELO": _ehlo,
        b"STARTTLS": _starttls,
        b"AUTH": _auth,
        b"MAIL": _mail,
        b"RCPT": _rcpt,
        b"DATA": _data,
        b"BDAT": _bdat,
        b"RSET": _rset,
        b"NOOP": _rset,
        b"QUIT": _quit,
    }
