"""The only thread that writes: everything that waits is committed in one transaction (group commit).

One connection writes and checkpoints, because SQLite up to 3.51.2 may corrupt a WAL that two connections reset. An
operation that fails is taken out and the others are tried again one by one, so that nobody fails for a neighbour.
"""

from __future__ import annotations

import asyncio
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

    def __init__(self, connect: Callable[[], sqlite3.Connection], ballast: Path) -> None:
        self._connect = connect
        self._ballast = ballast
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="spool-writer", daemon=True)
        self._thread.start()

    async def run(self, name: str, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returned, after its commit. `name` is the operation's, for fault points. Raises `SpoolError`.

        The operation is carried out even when the caller is cancelled meanwhile.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(name, work, future))
        return await future

    async def close(self) -> None:
        """Finishes what was handed in, then closes the connection."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    # -- the thread

    def _run(self) -> None:
        connection = self._connect()
        open_ = True
        while open_:
            batch, open_ = self._next_batch()
            if batch:
                self._commit(connection, batch)
                self._loop.call_soon_threadsafe(_answer, batch)
        connection.close()

    def _next_batch(self) -> tuple[list[_Job], bool]:
        batch: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            batch.append(job)
            if len(batch) == _BATCH:
                return batch, True
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _commit(self, connection: sqlite3.Connection, batch: list[_Job]) -> None:
        try:
            self._transaction(connection, batch)
        except (sqlite3.Error, OSError) as error:
            if len(batch) > 1:
                for job in batch:
                    self._commit(connection, [job])
            elif not self._with_ballast(connection, batch[0], error):
                batch[0].error = _translated(error)
        except Exception as error:  # noqa: BLE001  (the thread must outlive any mistake in an operation)
            for job in batch:
                job.error = SpoolError(f"operation {job.name} failed: {error!r}")

    def _transaction(self, connection: sqlite3.Connection, batch: list[_Job]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for job in batch:
                job.result = job.work(connection)
                fault(f"spool.{job.name}-before-commit")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        for job in batch:
            fault(f"spool.{job.name}-committed")

    def _with_ballast(self, connection: sqlite3.Connection, job: _Job, error: Exception) -> bool:
        """On a full disk even "delivered" could not be written: give the reserved room free and try once more."""
        if job.name == "accept" or not _is_full(error) or not self._ballast.exists():
            return False
        try:
            self._ballast.unlink()
            self._transaction(connection, [job])
        except (sqlite3.Error, OSError):
            return False
        return True


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
        return error.errno in (28, 122)  # ENOSPC, EDQUOT
    return getattr(error, "sqlite_errorname", "") == "SQLITE_FULL"


def _translated(error: Exception) -> SpoolError:
    return SpoolFull(f"no room left for the spool: {error}") if _is_full(error) else SpoolError(str(error))
