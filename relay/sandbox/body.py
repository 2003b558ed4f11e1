"""The content of one message on its way in: streamed, hashed, kept in memory while small and in a file when large."""

import hashlib
from pathlib import Path
from typing import BinaryIO

from relay.sandbox.wire import Wire

CHUNK = 256 * 1024
IN_MEMORY = 256 * 1024
HEAD = 64 * 1024
_END = b"\r\n.\r\n"


class Body:
    """Takes octets by `write`; beyond `limit` they are counted but dropped. `head` is the first 64 KiB."""

    def __init__(self, file: Path, *, limit: int) -> None:
        self._path = file
        self._limit = limit
        self._memory = bytearray()
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._after_cr = False
        self._head = b""
        self.size = 0
        self.bare_line_feeds = 0

    @property
    def head(self) -> bytes:
        """The beginning of the content: the header section of any sensible message is in it."""
        return self._head or bytes(self._memory[:HEAD])

    @property
    def too_large(self) -> bool:
        """Whether more came than the limit allows."""
        return self.size > self._limit

    def write(self, data: bytes | bytearray) -> None:
        """Take the next octets."""
        if not data:
            return
        self._count_line_feeds(data)
        self.size += len(data)
        if self.too_large:
            self.discard()
            return
        self._hash.update(data)
        if self._file is None:
            self._memory += data
            if len(self._memory) <= IN_MEMORY:
                return
            self._spill()
        else:
            self._file.write(data)

    def finish(self) -> bytes | Path:
        """End of the message: what it is kept as."""
        if self._file is None:
            return bytes(self._memory)
        self._file.close()
        return self._path

    def discard(self) -> None:
        """Forget everything."""
        self._memory.clear()
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)
            self._file = None

    @property
    def sha256(self) -> str:
        """The digest of the whole content, in hexadecimal."""
        return self._hash.hexdigest()

    def _spill(self) -> None:
        self._head = bytes(self._memory[:HEAD])
        self._file = self._path.open("wb", buffering=0)
        self._file.write(self._memory)
        self._memory = bytearray()

    def _count_line_feeds(self, data: bytes | bytearray) -> None:
        pairs = data.count(b"\r\n") + (self._after_cr and data.startswith(b"\n"))
        self.bare_line_feeds += data.count(b"\n") - pairs
        self._after_cr = data.endswith(b"\r")


async def read_data(wire: Wire, body: Body) -> None:
    """Read what follows 354 up to CRLF.CRLF (RFC 5321 §4.1.1.4) and undo the dots (§4.5.2), in large pieces.

    Only CRLF.CRLF ends the data: an LF.LF or the like is content. Raises GoneError when the client leaves before.
    """
    carry = b"\r\n"  # the CRLF of the DATA line: a lone dot may come first
    skip = 2  # and is no content
    while True:
        piece = carry + await wire.read_some(CHUNK)
        end = piece.find(_END)
        if end >= 0:
            body.write(piece[: end + 2].replace(b"\r\n.", b"\r\n")[skip:])
            wire.unread(piece[end + len(_END) :])
            return
        cut = _safe_cut(piece)
        if cut > skip:
            body.write(piece[:cut].replace(b"\r\n.", b"\r\n")[skip:])
            skip = 0
            carry = piece[cut:]
        else:
            carry = piece


def _safe_cut(piece: bytes) -> int:
    """Where a piece may be cut so that neither the end mark nor a dotted line begin straddles the cut."""
    cut = len(piece) - (len(_END) - 1)
    if cut > 0 and piece[cut - 1] == 0x0D:
        return cut - 1
    if cut > 1 and piece[cut - 2 : cut] == b"\r\n":
        return cut - 2
    return cut


async def read_chunk(wire: Wire, octets: int, body: Body | None) -> None:
    """Read one BDAT chunk (RFC 3030); without a body it is read and dropped."""
    while octets:
        data = await wire.read_some(min(octets, CHUNK))
        octets -= len(data)
        if body is not None:
            body.write(data)
