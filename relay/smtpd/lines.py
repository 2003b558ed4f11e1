"""Commands, one line each, from a reader that can hand its octets over to DATA and take the rest back."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from relay.smtpd.proxy import SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LIMIT = 16 * 1024  # RFC 4954 §4 asks for 12288 octets in AUTH lines
_AHEAD = 64 * 1024
_OLD_HANDSHAKE = re.compile(rb"[\x80-\xff].\x01\x03", re.DOTALL)  # the same in SSLv2's form (RFC 5246 appendix E.2)
_HANDSHAKE = b"\x16\x03"  # a TLS record, type handshake, version 3.x (RFC 8446 §5.1); no command begins so


class LineTooLong(ValueError):  # noqa: N818  (named for what happened)
    """A line longer than `LIMIT`; it was read to its end and dropped."""


class ClientHello(ConnectionError):  # noqa: N818  (named for what happened)
    """What came is not a line but the beginning of a TLS handshake: the device speaks implicit TLS to a plain port."""


class ProxyHeader(ConnectionError):  # noqa: N818  (named for what happened)
    """What came is not a line but a PROXY header, where none is taken."""


class LineReader(asyncio.StreamReader):
    """A stream reader with room for what clients send ahead."""

    # What asyncio's reader keeps for itself, and no public method gives without a copy or a wait.
    _buffer: bytearray
    _eof: bool
    _exception: Exception | None
    _maybe_resume_transport: Callable[[], None]
    _wait_for_data: Callable[[str], Awaitable[None]]
    _transport: asyncio.BaseTransport

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=_AHEAD, loop=loop)

    async def line(self) -> bytes:
        """The next line with its end, CRLF or LF.

        Raises `LineTooLong`, `ClientHello`, `ProxyHeader`; `ConnectionError` at the end of input.
        """
        too_long = False
        self._look_for_strangers()
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > LIMIT:
                too_long = True
                self._buffer.clear()
            await self._more()
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        self._maybe_resume_transport()
        if too_long or len(line) > LIMIT:
            raise LineTooLong
        return line

    async def _more(self) -> None:
        if self._exception is not None:
            raise ConnectionResetError(str(self._exception)) from self._exception
        if self._eof:
            raise ConnectionResetError("end of input")
        await self._wait_for_data("line")
        self._look_for_strangers()

    def _look_for_strangers(self) -> None:
        if self._buffer.startswith(_HANDSHAKE) or _OLD_HANDSHAKE.match(self._buffer):
            raise ClientHello
        if self._buffer.startswith((b"PROXY ", SIGNATURE)):
            raise ProxyHeader

    def moved_to(self, transport: asyncio.BaseTransport) -> None:
        """The connection goes on over another transport (TLS)."""
        self._transport = transport

    def take_all(self) -> bytes:
        """Everything that was read ahead."""
        ahead = bytes(self._buffer)
        self._buffer.clear()
        self._maybe_resume_transport()
        return ahead

    def give_back(self, octets: bytes) -> None:
        """Puts octets in front of what comes next."""
        self._buffer[:0] = octets
