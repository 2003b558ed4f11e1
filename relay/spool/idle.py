"""Orders on a spool that no relay works on: under its lock, so that none starts meanwhile; nothing else is mended.

Leases that a crash left stay for the next start, which knows what an interrupted attempt means.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from relay.spool.bodyfile import sync_directory
from relay.spool.database import NAME, connect, unopened
from relay.spool.orders import AT_ONCE, Giver, Ordered, carry_out
from relay.spool.store import SpoolBusy
from relay.telemetry.faults import fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@contextmanager
def taken(directory: Path) -> Iterator[None]:
    """The spool for this process alone. Raises `SpoolBusy`, `SpoolError`."""
    try:
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise unopened(directory, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise SpoolBusy(f"a relay works on the spool at {directory}") from error
    finally:
        os.close(lock)


def order(directory: Path, giver: Giver, ids: Sequence[str]) -> Ordered:
    """Step by step, each durable before the next; the caller has `taken` the spool. Raises `SpoolError`."""
    ordered, bodies = Ordered(), directory / "bodies"
    try:
        with closing(connect(directory / NAME)) as connection:
            for start in range(0, len(ids), AT_ONCE):
                ordered.add(_step(connection, giver, ids[start : start + AT_ONCE], bodies))
        for name in ordered.files:
            (bodies / name).unlink(missing_ok=True)
        if ordered.files:
            sync_directory(bodies)
    except (OSError, sqlite3.Error) as error:
        raise unopened(directory, error) from error
    return ordered


def _step(connection: sqlite3.Connection, giver: Giver, ids: Sequence[str], bodies: Path) -> Ordered:
    connection.execute("BEGIN IMMEDIATE")
    try:
        ordered = carry_out(connection, giver, ids, bodies)
        fault("spool.order-before-commit")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    fault("spool.order-committed")
    return ordered
