"""Damage to single messages: found before they are claimed and while nothing else is to do, then shown, never sent.

A message is sound when its rows can be read and its body has the size that was stored. One that is not becomes
`corrupt`, with the reason; what is left of it stays until an operator drops it.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relay.spool.cipher import sealed_size
from relay.spool.queries import SQL
from relay.spool.store import State
from relay.telemetry.clock import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

ROWS_A_STEP = 200
REMEDY = (
    "`relay queue show {id}` shows what is left: have it sent again by whoever sent it, then `relay queue drop {id}`; "
    "or bring back what is missing from a backup and `relay queue release {id}`"
)
_TEXTS = ("device", "profile", "mailbox", "sender", "key_id")
_NUMBERS = ("due_at", "received_at", "size", "body_size", "eight_bit", "body_file", "attempts", "fence", "precedence")
_SETTLED = (State.LEASED, State.CORRUPT, State.DELIVERED, State.FAILED, State.DROPPED)


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with one message."""

    message_id: str
    rule: str
    reason: str

    @property
    def remedy(self) -> str:
        return REMEDY.format(id=self.message_id)


class Inspector:
    """Works inside transactions of the writing thread; `found` is for whoever tells of it."""

    def __init__(self, bodies: Path) -> None:
        self.bodies = bodies
        self.found: deque[Damage] = deque()
        self._after = ""

    def sound(self, connection: sqlite3.Connection, message_id: str) -> Sound | None:
        """With what an attempt needs, if it can be sent; else it is `corrupt` now."""
        found = examined(connection, message_id, self.bodies, SQL.claimed_parts)
        if isinstance(found, Sound):
            return found
        self.condemn(connection, found)
        return None

    def condemn(self, connection: sqlite3.Connection, damage: Damage) -> bool:
        """Makes it `corrupt`, with the reason; False when it was settled before."""
        values = {"id": damage.message_id, "rule": damage.rule, "answer": damage.reason, "now": now_ms()}
        if connection.execute(SQL.condemn, values).rowcount == 0:
            return False
        connection.execute(SQL.note_corrupt, values)
        self.found.append(damage)
        return True

    def step(self, connection: sqlite3.Connection) -> bool:
        """Looks at the next few messages, each once after a start; whether more are left."""
        rows = connection.execute(SQL.next_messages, {"after": self._after, "limit": ROWS_A_STEP}).fetchall()
        seen = [damage_of(connection, message_id, self.bodies) for message_id, state in rows if state not in _SETTLED]
        damaged = [damage for damage in seen if damage is not None]
        if damaged:
            _in_one(connection, lambda: [self.condemn(connection, damage) for damage in damaged])
        self._after = rows[-1][0] if rows else ""
        return len(rows) == ROWS_A_STEP


def damage_of(connection: sqlite3.Connection, message_id: str, bodies: Path) -> Damage | None:
    """What is wrong with what is stored of a message. Raises `sqlite3.Error` for trouble that is not this message's."""
    found = examined(connection, message_id, bodies, SQL.stored_parts)
    return found if isinstance(found, Damage) else None


@dataclass(frozen=True, slots=True)
class Sound:
    """A message that can be sent: what was asked for by name, and its recipients that wait."""

    row: dict[str, Any]
    pending: list[str]


def examined(connection: sqlite3.Connection, message_id: str, bodies: Path, asked: str) -> Sound | Damage:
    """A message, or what is wrong with it; `asked` is a statement with all columns of `stored_parts`."""
    found = read(connection, message_id, asked)
    if isinstance(found, Damage):
        return found
    wrong = _wrong_values(found.row, found.pending) or _wrong_body(found.row, bodies / message_id)
    return Damage(message_id, *wrong) if wrong else found


def read(connection: sqlite3.Connection, message_id: str, asked: str) -> Sound | Damage:
    """A message as it stands there, if it can be read at all."""
    try:
        cursor = connection.execute(asked, {"id": message_id})
        names = [column[0] for column in cursor.description]
        row = dict(zip(names, cursor.fetchone(), strict=True))
        return Sound(row, _addresses(connection, message_id, row))
    except sqlite3.Error as error:
        if hasattr(error, "sqlite_errorcode"):
            raise
        return Damage(message_id, "spool.values", f"its row can't be read: {error}")  # text that is no UTF-8


def _addresses(connection: sqlite3.Connection, message_id: str, row: dict[str, Any]) -> list[Any]:
    """Those that wait; a message mostly has one recipient."""
    if row["recipients_left"] <= 1:
        return [] if row["address"] is None else [row["address"]]
    return [found[0] for found in connection.execute(SQL.pending_recipients, {"id": message_id})]


def _wrong_values(row: dict[str, object], addresses: Sequence[object]) -> tuple[str, str] | None:
    bad = [name for name in _TEXTS if not isinstance(row[name], str)]
    bad += [name for name in _NUMBERS if not _natural(row[name])]
    if row["state"] not in tuple(State):
        bad.append("state")
    if bad:
        return "spool.values", f"its row has no usable {', '.join(f'{name} ({row[name]!r})' for name in bad)}"
    if row["recipients_left"] != row["recipients"]:
        left, all_ = row["recipients_left"], row["recipients"]
        return "spool.recipients-missing", f"{left} of its {all_} recipients are left"
    if not addresses:
        return "spool.recipients-missing", "no recipient is left to send it to"
    unusable = [address for address in addresses if not _usable(address)]
    return ("spool.values", f"a recipient can't be read: {unusable[0]!r}") if unusable else None


def _wrong_body(row: dict[str, object], path: Path) -> tuple[str, str] | None:
    if row["head"] != "blob":
        return "spool.head-missing", "its header is gone from the database"
    try:
        size = path.stat().st_size if row["body_file"] else row["content_size"]
    except FileNotFoundError:
        return "spool.body-missing", "the file of the body is gone"
    except OSError:
        return None  # trouble of the disk, not of this message
    body_size = row["body_size"]
    assert isinstance(body_size, int)  # or it would have been told
    stored = sealed_size(body_size) if row["key_id"] else body_size
    if size == stored:
        return None
    return "spool.body-size", f"the body has {size} octets, {stored} were stored"


def _natural(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def _usable(address: object) -> bool:
    """What came through the door holds no control character and is not empty."""
    return isinstance(address, str) and address != "" and not any(char < " " or char == "\x7f" for char in address)


def _in_one(connection: sqlite3.Connection, work: Callable[[], object]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        work()
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
