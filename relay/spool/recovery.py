"""What a crash leaves, mended at the start: half-written bodies go, leases end, a missing body is shown, not hidden.

Bodies that no row knows are the rubbish of a crash, unless the database was made anew: then they are mail, and become
items that say so.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.spool.bodyfile import sync_directory
from relay.spool.clock import catch_up
from relay.spool.damage import Damage, Inspector
from relay.spool.orphans import adopt, is_body
from relay.spool.queries import SQL

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Recovered:
    """How many attempts were interrupted, files swept, and messages found damaged."""

    interrupted: int
    swept: int
    damaged: int


def recover(
    connect: Callable[[], sqlite3.Connection], inspector: Inspector, release: str, *, remade: bool
) -> Recovered:
    """Runs before anything else touches the spool. Raises `OSError` or `sqlite3.Error`.

    `release` is the statement that ends the leases of whoever was here before; `remade` says that the database is new.
    """
    bodies = inspector.bodies
    with closing(connect()) as connection:
        connection.execute("BEGIN IMMEDIATE")
        interrupted = connection.execute(release).rowcount
        connection.execute(SQL.free_all_slots)
        catch_up(connection)
        expected = {row[0] for row in connection.execute(SQL.files_expected)}
        present = {path.name for path in bodies.iterdir()}
        gone = [Damage(name, "spool.body-missing", "the file of the body is gone") for name in expected - present]
        damaged = sum(inspector.condemn(connection, damage) for damage in gone)
        rubbish = present - expected
        if remade:
            mail = {name for name in rubbish if is_body(name) and adopt(connection, name, bodies / name)}
            rubbish, damaged = rubbish - mail, damaged + len(mail)
        connection.execute("COMMIT")
    for name in rubbish:
        (bodies / name).unlink()
    if rubbish:
        sync_directory(bodies)
    return Recovered(interrupted, len(rubbish), damaged)
