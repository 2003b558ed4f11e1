"""A large body on its way into a file: written piece by piece, read again and exchanged by mending, then made durable.

Where there is a key, the file holds sealed octets from the first one on, under whatever name.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from relay.spool.keyring import Part
from relay.telemetry.faults import fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from relay.spool.cipher import Sealer
    from relay.spool.keyring import Keyring

_READ = 128 * 1024
_GATHERED = 1 << 20
_WRITEBACK = 4 << 20


class BodyFile:
    """The file of one message; all methods block, and raise `OSError`. `size` counts octets as they came."""

    def __init__(self, directory: Path, message_id: str, keys: Keyring, *, suffix: str = ".part") -> None:
        self._directory = directory
        self._id = message_id
        self._keys = keys
        self._name = f"{message_id}{suffix}"
        self._fd = -1
        self._sealer: Sealer | None = None
        self._written = self._advised = 0
        self.size = 0

    def write(self, chunks: Iterable[bytes]) -> None:
        """Puts more behind what is there; the first time it makes the file."""
        if self._fd < 0:
            self._create()
        for chunk in chunks:
            self.size += len(chunk)
            if self._sealer is None:
                self._put(chunk)
            else:
                self._put_all(self._sealer.update(chunk))
        self._start_writeback()

    def chunks(self) -> Iterator[bytes]:
        """All octets as they came; nothing more may be written."""
        self._end()
        with self._path.open("rb", buffering=0) as file:
            source = self._keys.reader(self._keys.current, file, self.size, self._id) if self._keys.current else file
            while chunk := source.read(_READ):
                yield chunk

    def replace(self, chunks: Iterable[bytes]) -> None:
        """Others in their place, made of `chunks()`; when it fails, it did not happen."""
        mended = BodyFile(self._directory, self._id, self._keys, suffix=".mended")
        try:
            mended.write(_gathered(chunks))
            mended._end()
            self._path.unlink()
        except BaseException:
            mended.remove()
            raise
        os.close(self._fd)
        self._name, self._fd, self.size = mended._name, mended._fd, mended.size

    def make_durable(self) -> None:
        """Synced, under its final name, the name synced."""
        self._end()
        fault("spool.body-written")
        os.fdatasync(self._fd)
        fd, self._fd = self._fd, -1
        os.close(fd)
        fault("spool.body-synced")
        self._path.rename(self._directory / self._id)
        sync_directory(self._directory)
        fault("spool.body-renamed")

    def remove(self) -> None:
        """Never raises: what a failing disk keeps is swept at the next start."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with contextlib.suppress(OSError):
                os.close(fd)
        for path in (self._path, self._directory / self._id):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    # -- the disk

    @property
    def _path(self) -> Path:
        """Made when it is asked for: most messages never have a file."""
        return self._directory / self._name

    def _create(self) -> None:
        self._sealer = self._keys.sealer(self._id, Part.BODY)
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def _end(self) -> None:
        sealer, self._sealer = self._sealer, None
        if sealer is not None:
            self._put_all(sealer.finish())

    def _put_all(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self._put(piece)

    def _put(self, octets: bytes) -> None:
        view = memoryview(octets)
        while view:
            view = view[os.write(self._fd, view) :]
        self._written += len(octets)

    def _start_writeback(self) -> None:
        """Lets the disk begin while the rest still comes, so that the sync at the end finds little left.

        For dirty pages this advice only starts their way to the disk; they stay in memory for the attempt that follows.
        """
        if self._written - self._advised >= _WRITEBACK:
            os.posix_fadvise(self._fd, self._advised, self._written - self._advised, os.POSIX_FADV_DONTNEED)
            self._advised = self._written


def sync_directory(path: Path) -> None:
    """Makes names in the directory durable, as fsync does for a file's octets."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _gathered(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Mended octets come line by line."""
    gathered = bytearray()
    for chunk in chunks:
        gathered += chunk
        if len(gathered) >= _GATHERED:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)
