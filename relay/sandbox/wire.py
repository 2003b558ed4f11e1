"""One connection of the sandbox: lines and large reads out of the same buffer, TLS in the middle, replies with latency.

Used by every server of the sandbox. A closed or reset connection raises `GoneError` from whatever was waiting;
bytes that arrived before the end can still be read. The buffer is bounded: reading pauses above one MiB.
"""

import asyncio
import os
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable
from typing import cast

HIGH_WATER = 1024 * 1024
HANDSHAKE_S = 10.0


class GoneError(Exception):
    """The other side closed the connection, or it was reset."""


class LineTooLongError(Exception):
    """A line grew past the limit before its end came."""


class Wire(asyncio.Protocol):
    """A connection: `read_line`, `read_some`, `write`, `start_tls`, `close` and `reset`.

    `latency` (seconds) postpones every write without holding up the reader, as a long line does: replies to commands
    sent in one flight arrive together.
    """

    def __init__(self, connected: Callable[["Wire"], None], *, latency: float = 0.0) -> None:
        self._connected = connected
        self._latency = latency
        self._transport: asyncio.Transport | None = None
        self._raw: asyncio.Transport | None = None  # below TLS
        self._peer = ""
        self._buffer = bytearray()
        self._ended = False
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._late: deque[bytes] = deque()
        self._flushed = asyncio.Event()
        self._flushed.set()
        self.gone = asyncio.Event()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection to its server."""
        self._transport = self._raw = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        self._peer = str(name[0]) if name else ""
        self._connected(self)

    def data_received(self, data: bytes) -> None:
        """Keep what came, and stop reading when nobody takes it."""
        self._buffer += data
        if len(self._buffer) > HIGH_WATER and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Nothing more will come; what is buffered can still be read."""
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Wake whoever waits for bytes, for the end, or for replies to leave."""
        self._ended = True
        self._late.clear()
        self._flushed.set()
        self.gone.set()
        self._wake()

    # reading

    async def read_line(self, limit: int = 12288) -> bytes:
        """Return the next line without its end (CRLF, or a typed LF); raise GoneError or LineTooLongError."""
        scanned = 0
        while (end := self._buffer.find(b"\n", scanned)) < 0:
            scanned = len(self._buffer)
            if scanned > limit:
                raise LineTooLongError
            await self._more()
        if end > limit:
            raise LineTooLongError
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        self._resume()
        return line

    async def read_some(self, limit: int) -> bytes | bytearray:
        """Return between 1 and `limit` octets, as many as are at hand; raise GoneError at the end."""
        while not self._buffer:
            await self._more()
        if len(self._buffer) <= limit:
            taken, self._buffer = self._buffer, bytearray()  # no copy: a large body passes here
        else:
            taken = self._buffer[:limit]
            del self._buffer[:limit]
        self._resume()
        return taken

    def unread(self, data: bytes | bytearray) -> None:
        """Put octets back in front of the buffer."""
        self._buffer[:0] = data

    @property
    def waiting(self) -> int:
        """Octets that have come and were not read yet."""
        return len(self._buffer)

    # writing

    def write(self, data: bytes) -> None:
        """Send `data` in one write, after the latency, in order."""
        if self._ended and self.gone.is_set():
            return
        if not self._latency:
            self.transport.write(data)
            return
        self._late.append(data)
        self._flushed.clear()
        asyncio.get_running_loop().call_later(self._latency, self._write_late)

    async def flushed(self) -> None:
        """Return when everything written has left for the transport."""
        await self._flushed.wait()

    # the connection itself

    async def start_tls(self, context: ssl.SSLContext, invitation: bytes) -> None:
        """Write `invitation`, then become the TLS server; raise GoneError when the handshake fails.

        Octets sent in clear behind STARTTLS are dropped: taking them for TLS-protected ones is CVE-2011-0411.
        """
        self.transport.pause_reading()  # from here on what comes is the handshake's
        self._buffer.clear()
        self.write(invitation)
        await self.flushed()
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(
                self.transport, self, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_S
            )
        except (OSError, RuntimeError) as error:
            raise GoneError from error
        if secured is None:
            raise GoneError
        self._transport, self._paused = secured, False

    @property
    def transport(self) -> asyncio.Transport:
        """The transport in use; raise GoneError before the connection and after its end."""
        if self._transport is None:
            raise GoneError
        return self._transport

    @property
    def tls_version(self) -> str:
        """`TLSv1.3` and the like, or an empty text in clear."""
        tls = self.transport.get_extra_info("ssl_object")
        return str(tls.version()) if tls is not None else ""

    @property
    def client_names(self) -> tuple[str, ...]:
        """The names in the client's certificate, if it gave one that is trusted."""
        found = self.transport.get_extra_info("peercert") or {}
        common = [value for part in found.get("subject", ()) for name, value in part if name == "commonName"]
        return (*common, *(value for kind, value in found.get("subjectAltName", ()) if kind == "DNS"))

    @property
    def peer(self) -> str:
        """The address of the other side."""
        return self._peer

    async def close(self) -> None:
        """Close in good order, after what was written."""
        await self.flushed()
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Cut the connection with a TCP RST: the other side sees it break, not end."""
        if self._raw is None or self.gone.is_set():
            return
        # a TLS transport that is closing has forgotten its socket: go below it
        sock = self._raw.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            # uvloop's pseudo socket takes no options: a duplicate of the descriptor does
            with socket.socket(fileno=os.dup(sock.fileno())) as twin:
                twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._raw.abort()

    def _write_late(self) -> None:
        if self._late:
            self.transport.write(self._late.popleft())
        if not self._late:
            self._flushed.set()

    def _resume(self) -> None:
        if self._paused and len(self._buffer) < HIGH_WATER and not self._ended:
            self._paused = False
            self.transport.resume_reading()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _more(self) -> None:
        if self._ended:
            raise GoneError
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter
