"""The only thread that writes: everything that waits is committed in one transaction (group commit).

One connection writes and checkpoints, because SQLite up to 3.51.2 may corrupt a WAL that two connections reset. When
a batch fails its operations are tried again one by one, so that nobody fails for a neighbour. Every operation handed in
is answered: the thread outlives any mistake, and whoever asks after `close` is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import queue
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from relay.spool.store import SpoolError, SpoolFull
from relay.telemetry.faults import fault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from relay.spool.upkeep import Upkeep

T = TypeVar("T")
_BATCH = 128


@dataclass(slots=True)
class _Job:
    name: str
    work: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None


class Writer:
    """Runs operations on the spool's database, in order, many to a commit."""

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        ballast: Path,
        upkeep: Upkeep | None = None,
        undone: Callable[[], None] = lambda: None,
    ) -> None:
        """`undone` is called in the thread after operations were taken back."""
        self._connect = connect
        self._ballast = ballast
        self._upkeep = upkeep
        self._undone = undone
        self._pause: float | None = None  # seconds without work until the next step of upkeep; None: none is due
        self._jobs: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._gathered: list[_Job] = []
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="spool-writer", daemon=True)
        self._thread.start()

    async def run(self, name: str, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returned, after its commit. `name` is the operation's, for fault points. Raises `SpoolError`.

        The operation is carried out even when the caller is cancelled meanwhile.
        """
        if self._closed:
            raise SpoolError("the spool is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        if not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append(_Job(name, work, future))
        return await future

    def _hand_over(self) -> None:
        """All that one round of the loop asked for: the thread is woken once for it, and commits it together."""
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._jobs.put(gathered)

    async def close(self) -> None:
        """Finishes what was handed in, then closes the connection."""
        self._closed = True
        self._hand_over()
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    # -- the thread

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        open_ = True
        while open_:
            batch, open_ = self._next_batch()
            try:
                connection = connection or self._connect()
                if batch:
                    self._commit(connection, batch)
                self._keep_up(connection, batch)
            except Exception as error:  # noqa: BLE001  (whatever it is, those who wait must hear of it)
                self._fail(batch, error)
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
                self._loop.call_soon_threadsafe(_answer, batch)
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):  # every commit is durable already
                connection.close()

    def _next_batch(self) -> tuple[list[_Job], bool]:
        """What waits, and whether more may come; nothing but True when upkeep is due first."""
        batch: list[_Job] = []
        try:
            jobs = self._jobs.get(timeout=self._pause)
            while jobs is not None:
                batch += jobs
                if len(batch) >= _BATCH:
                    return batch, True
                jobs = self._jobs.get_nowait()
        except queue.Empty:
            return batch, True
        return batch, False

    def _keep_up(self, connection: sqlite3.Connection, batch: list[_Job]) -> None:
        """A small step between batches when one is due; its failure is nobody's."""
        if self._upkeep is None:
            return
        self._pause = None
        try:
            if batch:
                self._pause = self._upkeep.after_commit(connection, [job.name for job in batch])
            else:
                self._pause = self._upkeep.step(connection)
        except (sqlite3.Error, OSError) as error:
            self._upkeep.failed(error)

    def _commit(self, connection: sqlite3.Connection, batch: list[_Job]) -> None:
        try:
            self._transaction(connection, batch)
        except Exception as error:  # noqa: BLE001  (a mistake in one operation is not the others')
            if len(batch) > 1:
                for job in batch:
                    self._commit(connection, [job])
            elif not self._with_ballast(connection, batch[0], error):
                self._fail(batch, error)

    def _fail(self, batch: list[_Job], error: Exception) -> None:
        if self._upkeep is not None:
            self._upkeep.failed(error)
        for job in batch:
            job.error = _translated(job, error)

    def _transaction(self, connection: sqlite3.Connection, batch: list[_Job]) -> None:
        _roll_back(connection)  # an earlier one, if not even that could be done
        connection.execute("BEGIN IMMEDIATE")
        try:
            for job in batch:
                job.result = job.work(connection)
                fault(f"spool.{job.name}-before-commit")
            _make_durable(connection)
        except BaseException:
            self._undone()
            _roll_back(connection)
            raise
        for job in batch:
            with contextlib.suppress(OSError):  # it is durable: nothing may make it undone or done twice
                fault(f"spool.{job.name}-committed")

    def _with_ballast(self, connection: sqlite3.Connection, job: _Job, error: Exception) -> bool:
        """On a full disk even "delivered" could not be written: give the reserved room free and try once more."""
        if job.name == "accept" or not _is_full(error) or not self._ballast.exists():
            return False
        try:
            self._ballast.unlink()
            self._transaction(connection, [job])
        except Exception:  # noqa: BLE001  (the first error is the one to tell)
            return False
        return True


def _make_durable(connection: sqlite3.Connection) -> None:
    """COMMIT. One that fails may stand in the WAL all the same, written and not synced, and count at the next start.

    Another write takes its place there, so that what was refused stays refused.
    """
    try:
        connection.execute("COMMIT")
    except sqlite3.Error:
        _roll_back(connection)
        with contextlib.suppress(sqlite3.Error):  # it stands there, be it synced or not
            connection.execute("PRAGMA user_version = 0")  # writes a page, though nothing changes
        raise


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _answer(batch: list[_Job]) -> None:
    for job in batch:
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "sqlite_errorname", "") == "SQLITE_FULL"


def _translated(job: _Job, error: Exception) -> SpoolError:
    if _is_full(error):
        return SpoolFull(f"no room left for the spool: {error}")
    said = str(error) if isinstance(error, (sqlite3.Error, OSError)) else repr(error)
    return SpoolError(f"the spool could not do {job.name}: {said}")
