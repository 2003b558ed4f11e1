"""The bytes of a parcel, from memory or from disk: a chunk at a time, files read and opened off the loop.

The size is known before the first byte, because BDAT announces it; a last line without CRLF is completed here.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relay.message.parcel import OpenBody, Parcel, StoredBody

CHUNK = 256 * 1024


class ContentError(Exception):
    """The body cannot be read from the spool; the message says which file and why."""


class Content:
    """Opened by `open_content`; read once, to the end, then closed."""

    def __init__(self, parcel: Parcel, file: OpenBody | None, ending: bytes) -> None:
        self._name = "the body" if isinstance(parcel.body, bytes) else str(parcel.body)
        self._file = file
        self._memory = memoryview(parcel.body) if isinstance(parcel.body, bytes) else memoryview(b"")
        self._left = len(self._memory) if file is None else parcel.body_size
        self.size = len(parcel.head) + self._left + len(ending)
        self._head = parcel.head
        self._ending = ending

    async def chunk(self) -> bytes:
        """The next piece, at most `CHUNK` and the head; empty at the end. Raises `ContentError`."""
        head, self._head = self._head, b""
        piece = await self._piece() if self._left else b""
        self._left -= len(piece)
        if self._left:
            return head + piece
        ending, self._ending = self._ending, b""
        return head + piece + ending

    async def whole(self) -> bytes:
        """All of it at once, for what is small. Raises `ContentError`."""
        if self._file is None:
            return b"".join((self._head, self._memory, self._ending))
        pieces = []
        while piece := await self.chunk():
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    async def _piece(self) -> bytes:
        if self._file is None:
            piece, self._memory = self._memory[:CHUNK], self._memory[CHUNK:]
            return bytes(piece)
        return await asyncio.to_thread(self._read, self._file)

    def _read(self, file: OpenBody) -> bytes:
        try:
            piece = file.read(min(CHUNK, self._left))
        except OSError as exc:
            raise ContentError(f"{self._name}: {exc.strerror or exc}") from exc
        if not piece:
            raise ContentError(f"{self._name}: {self._left} octets are missing at the end")
        return piece


async def open_content(parcel: Parcel) -> Content:
    """The parcel's bytes, ready to be read. Raises `ContentError`."""
    if isinstance(parcel.body, bytes):
        return Content(parcel, None, _ending(parcel.head[-2:] + parcel.body[-2:]))
    return await asyncio.to_thread(_open_stored, parcel, parcel.body)


def _open_stored(parcel: Parcel, body: Path | StoredBody) -> Content:
    try:
        with contextlib.ExitStack() as cleanup:
            file = _File(body, parcel.body_size) if isinstance(body, Path) else body.open()
            cleanup.callback(file.close)
            ending = _ending(parcel.head[-2:] + file.tail())
            cleanup.pop_all()
            return Content(parcel, file, ending)
    except OSError as exc:
        raise ContentError(f"{body}: {exc.strerror or exc}") from exc


class _File:
    """A file that holds the body as it is; one of another size than was spooled would break the framing."""

    def __init__(self, path: Path, size: int) -> None:
        self._file = path.open("rb", buffering=0)
        self._size = os.fstat(self._file.fileno()).st_size
        if self._size != size:
            self._file.close()
            raise OSError(errno.EBADMSG, f"it has {self._size} octets, {size} were spooled")
        self.read = self._file.read
        self.close = self._file.close

    def tail(self) -> bytes:
        place = self._file.tell()
        self._file.seek(max(0, self._size - 2))
        tail = self._file.read(2)
        self._file.seek(place)
        return tail


def _ending(tail: bytes) -> bytes:
    return b"" if tail.endswith(b"\r\n") else b"\r\n"
