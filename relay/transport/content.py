"""The bytes of a parcel, from memory or from disk: a chunk at a time, files read off the loop.

The size is known before the first byte, because BDAT announces it; a last line without CRLF is completed here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

    from relay.message.parcel import Parcel

CHUNK = 256 * 1024


class ContentError(Exception):
    """The body cannot be read from the spool; the message says which file and why."""


class Content:
    """Opened by `open_content`; read once, to the end, then closed."""

    def __init__(self, parcel: Parcel, file: BinaryIO | None, ending: bytes) -> None:
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

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    async def _piece(self) -> bytes:
        if self._file is None:
            piece, self._memory = self._memory[:CHUNK], self._memory[CHUNK:]
            return bytes(piece)
        return await asyncio.to_thread(self._read, self._file)

    def _read(self, file: BinaryIO) -> bytes:
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
    return await asyncio.to_thread(_open_file, parcel, parcel.body)


def _open_file(parcel: Parcel, path: Path) -> Content:
    try:
        with contextlib.ExitStack() as cleanup:
            file = cleanup.enter_context(path.open("rb", buffering=0))
            ending = _ending(parcel.head[-2:] + _tail(file, parcel.body_size))
            cleanup.pop_all()
            return Content(parcel, file, ending)
    except OSError as exc:
        raise ContentError(f"{path}: {exc.strerror or exc}") from exc


def _tail(file: BinaryIO, expected: int) -> bytes:
    """The last two octets; a file of another size than was spooled would break the framing."""
    size = os.fstat(file.fileno()).st_size
    if size != expected:
        raise ContentError(f"{file.name} has {size} octets, {expected} were spooled")
    file.seek(max(0, size - 2))
    tail = file.read(2)
    file.seek(0)
    return tail


def _ending(tail: bytes) -> bytes:
    return b"" if tail.endswith(b"\r\n") else b"\r\n"
