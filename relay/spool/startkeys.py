"""Sealed mail and the keys of this start: what no key opens is held, what one opens again goes on."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.spool.keyring import KEY_REMEDY
from relay.spool.queries import SQL
from relay.telemetry.clock import now_ms

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Locked:
    """A key that waiting mail is sealed with and that is not there: how many messages are held for it."""

    key_id: str
    messages: int


def sort_by_keys(connect: Callable[[], sqlite3.Connection], ids: frozenset[str]) -> tuple[Locked, ...]:
    """Runs before anything is claimed; one entry for each key that is missing. Raises `sqlite3.Error`."""
    with contextlib.closing(connect()) as connection:
        connection.execute("BEGIN IMMEDIATE")
        used = [row[0] for row in connection.execute(SQL.keys_in_use)]
        for key_id in ids.intersection(used):
            connection.execute(SQL.release_readable, {"key_id": key_id, "now": now_ms()})
        locked = [Locked(key_id, _hold(connection, key_id)) for key_id in used if key_id not in ids]
        connection.execute("COMMIT")
    return tuple(one for one in locked if one.messages)


def _hold(connection: sqlite3.Connection, key_id: str) -> int:
    answer = f"it is sealed with key {key_id}, which is not there; {KEY_REMEDY}"
    connection.execute(SQL.hold_unreadable, {"key_id": key_id, "answer": answer})
    (held,) = connection.execute(SQL.held_unreadable, {"key_id": key_id}).fetchone()
    return int(held)
