"""A message on its way in: its head in memory, its body in memory while small, else streamed to a file.

The file is written off the event loop, one write after the other; `finish` has the message mended where it needs that,
and makes the file durable: data synced, renamed to its final name, directory synced. Only then may a row point to it.
"""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING

from relay.message.header import HeaderTooLarge, body_offset
from relay.message.mend_body import Watch
from relay.message.mend_start import body_start
from relay.message.mend_words import WESTERN
from relay.spool.bodyfile import BodyFile
from relay.spool.keyring import NO_KEYS
from relay.spool.mending import Fit, Pieces, made_fit
from relay.spool.store import SpoolError, SpoolFull, Stored, Whole
from relay.spool.ulid import new_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor
    from pathlib import Path

    from relay.spool.keyring import Keyring

_RELIEVED = 64 * 1024
_AT_ONCE = 16 * 1024


class BodyDraft:
    """Implements `relay.spool.store.Draft` on a directory of body files."""

    def __init__(self, directory: Path, executor: Executor, inline_max: int, keys: Keyring = NO_KEYS) -> None:
        self.id = new_id()
        self._directory = directory
        self._executor = executor
        self._inline_max = inline_max
        self._head: bytes | None = None
        self._early = b""  # octets before the end of the head is known
        self._pending: list[bytes] = []
        self.backlog = 0
        self._size = 0
        self._watch = Watch()
        self._file = BodyFile(directory, self.id, keys)
        self._in_file = False
        self._writing: asyncio.Task[None] | None = None
        self._error: SpoolError | None = None

    def write(self, chunk: bytes) -> None:
        """Takes decoded octets, head first. Raises `HeaderTooLarge`."""
        if self._head is None:
            self._early += chunk
            chunk = self._past_head(complete=False)
        if chunk:
            self._keep(chunk)
            self.backlog += len(chunk)
            if self._size > self._inline_max:
                self._start_writing()

    def _keep(self, chunk: bytes) -> None:
        self._watch.see(chunk)
        self._pending.append(chunk)
        self._size += len(chunk)

    async def relieved(self) -> None:
        """Waits until the disk has caught up. Raises `SpoolError`."""
        while self._writing is not None and self.backlog > _RELIEVED:
            await asyncio.shield(self._writing)
        self._raise_failure()

    async def finish(self, *, assumed: str = WESTERN) -> Whole:
        """The message as it goes on; a file is durable now. Raises `SpoolError`, `HeaderTooLarge`.

        `assumed` is the charset of octets beyond ASCII that nothing else tells of.
        """
        if self._head is None:
            self._keep(self._past_head(complete=True))
        if self._size > self._inline_max:
            await self._written_out()
        fit = await self._mended(self._head or b"", assumed)
        if self._in_file or self._size > self._inline_max:
            await self._written_out()
            await self._off_loop(self._file.make_durable)
            self._raise_failure()
            body = Stored(None, self._size)
        else:
            body = Stored(b"".join(self._pending), self._size)
        return Whole(fit.section, body, fit.repairs, fit.left, fit.eight_bit, fit.mistake, self._head or b"")

    async def discard(self) -> None:
        """Leaves nothing behind."""
        self._pending.clear()
        while self._writing is not None:
            await asyncio.shield(self._writing)
        await asyncio.get_running_loop().run_in_executor(self._executor, self._file.remove)

    # -- head

    def _past_head(self, *, complete: bool) -> bytes:
        """The body octets that came with the head, once the head's end is known."""
        offset = _start_of_body(self._early, complete=complete)
        if offset is None:
            return b""
        self._head, body = self._early[:offset], self._early[offset:]
        self._early = b""
        return body

    # -- mending

    async def _mended(self, head: bytes, assumed: str) -> Fit:
        """What is large and damaged takes long, and is mended off the loop. Raises `SpoolError`."""
        body = self._file if self._in_file else Pieces(self._pending)
        small = len(head) <= _AT_ONCE and (not self._watch.damaged or (not self._in_file and self._size <= _AT_ONCE))
        fits: list[Fit] = []
        if small:
            fits.append(made_fit(head, body, self._watch, assumed=assumed))
        else:
            await self._off_loop(lambda: fits.append(made_fit(head, body, self._watch, assumed=assumed)))
        self._raise_failure()
        self._size = body.size
        if isinstance(body, Pieces):
            self._pending = body.pieces
        return fits[0]

    # -- file

    async def _written_out(self) -> None:
        """Everything so far is in the file. Raises `SpoolError`."""
        self._start_writing()
        while self._writing is not None:
            await asyncio.shield(self._writing)
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._error is not None:
            raise self._error

    def _start_writing(self) -> None:
        if self._writing is None and self._pending and self._error is None:
            self._in_file = True
            self._writing = asyncio.get_running_loop().create_task(self._write_pending(), name=f"body {self.id}")

    async def _write_pending(self) -> None:
        try:
            while self._pending and self._error is None:
                chunks, self._pending = self._pending, []
                await self._off_loop(self._file.write, chunks)
                self.backlog -= sum(map(len, chunks))
        finally:
            self._writing = None

    async def _off_loop(self, work: Callable[..., None], *arguments: object) -> None:
        """Runs file work in a thread; its failure is kept for whoever waits."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)
        except OSError as error:
            kind = SpoolFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else SpoolError
            self._error = kind(f"the body could not be written to {self._directory}: {error.strerror or error}")


def _start_of_body(data: bytes, *, complete: bool) -> int | None:
    """Raises `HeaderTooLarge`; for any other mistake of ours the first empty line holds."""
    try:
        return body_start(data, complete=complete)
    except HeaderTooLarge:
        raise
    except Exception:  # noqa: BLE001  (it must not cost the device its message)
        return body_offset(data, complete=complete)
