"""What a crash leaves, mended at the start: half-written bodies go, leases end, a missing body is shown, not hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.spool.bodyfile import sync_directory
from relay.spool.queries import SQL

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Recovered:
    """How many attempts were interrupted, files swept, and messages whose body is gone (now held)."""

    interrupted: int
    swept: int
    damaged: int


def recover(connect: Callable[[], sqlite3.Connection], bodies: Path, release: str) -> Recovered:
    """Runs before anything else touches the spool. Raises `OSError` or `sqlite3.Error`.

    `release` is the statement that ends the leases of whoever was here before.
    """
    connection = connect()
    try:
        connection.execute("BEGIN IMMEDIATE")
        interrupted = connection.execute(release).rowcount
        connection.execute(SQL.free_all_slots)
        expected = {row[0] for row in connection.execute(SQL.files_expected)}
        present = {path.name for path in bodies.iterdir()}
        missing = expected - present
        damaged = sum(connection.execute(SQL.hold_damaged, {"id": message_id}).rowcount for message_id in missing)
        connection.execute("COMMIT")
    finally:
        connection.close()
    rubbish = present - expected
    for name in rubbish:
        (bodies / name).unlink()
    if rubbish:
        sync_directory(bodies)
    return Recovered(interrupted, len(rubbish), damaged)
