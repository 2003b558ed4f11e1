"""Orders of an operator, as operations of the writer thread: a few hundred messages a step, each step one transaction.

What may be done with a message is decided in the same transaction that does it, so that no attempt can come between:
one that is leased is never dropped, and one that is dropped is never claimed. Each message that is touched gets an
event: what, who, when.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relay.policy.orders import Order, obstacle
from relay.spool.damage import damage_of
from relay.spool.queries import SQL

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

AT_ONCE = 500


@dataclass(slots=True)
class Ordered:
    """What came of an order. `skipped` has the reason of each that was left as it is; `due` counts by profile what
    delivery should look at; `files` are bodies that nobody needs any more.
    """

    done: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    due: Counter[str] = field(default_factory=Counter)
    files: list[str] = field(default_factory=list)

    def add(self, other: Ordered) -> None:
        self.done += other.done
        self.skipped |= other.skipped
        self.due += other.due
        self.files += other.files


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    state: str
    profile: str
    body_file: int
    rule: str
    held_by: str


@dataclass(frozen=True, slots=True)
class Giver:
    """Who gives which order, and when (epoch milliseconds)."""

    order: Order
    who: str
    now: int


def carry_out(connection: sqlite3.Connection, giver: Giver, ids: Sequence[str], bodies: Path) -> Ordered:
    """One step, inside a transaction; at most `AT_ONCE` ids."""
    ordered = Ordered()
    for message_id in ids[:AT_ONCE]:
        found = connection.execute(SQL.ordered_row, {"id": message_id}).fetchone()
        if found is None:
            ordered.skipped[message_id] = "there is no such message"
            continue
        row = _Row(message_id, *found)
        reason = _reason(connection, giver.order, row, bodies)
        if reason:
            ordered.skipped[message_id] = reason
        else:
            _touch(connection, giver, row, ordered)
    return ordered


def _reason(connection: sqlite3.Connection, order: Order, row: _Row, bodies: Path) -> str:
    """Why not; a damaged message is released when what was missing is back."""
    reason = obstacle(order, row.state, rule=row.rule, held_by=row.held_by)
    if not reason and row.state == "corrupt" and order is Order.RELEASE:
        damage = damage_of(connection, row.id, bodies)
        return f"it is still damaged: {damage.reason}" if damage else ""
    return reason


def _touch(connection: sqlite3.Connection, giver: Giver, row: _Row, ordered: Ordered) -> None:
    values: dict[str, object] = {"id": row.id, "now": giver.now, "who": giver.who, "order": giver.order}
    if giver.order is Order.DROP:
        _drop(connection, values)
        if row.body_file:
            ordered.files.append(row.id)
    elif giver.order is Order.HOLD:
        connection.execute(SQL.hold_by_order, values)
    elif row.state == "leased":
        connection.execute(SQL.hold_no_longer, values)
    else:
        _due(connection, row.state, values)
        ordered.due[row.profile] += 1
    connection.execute(SQL.note_order, values | {"detail": f"it was {row.state}"})
    ordered.done.append(row.id)


def _drop(connection: sqlite3.Connection, values: dict[str, object]) -> None:
    for statement in (SQL.drop_by_order, SQL.drop_body, SQL.owe_no_notice):
        connection.execute(statement, values)


def _due(connection: sqlite3.Connection, state: str, values: dict[str, object]) -> None:
    """What waits keeps its age; what was settled or held begins anew."""
    if state in ("queued", "uncertain"):
        connection.execute(SQL.due_now_by_order, values)
        return
    connection.execute(SQL.queue_again, values)
    if state == "failed":
        connection.execute(SQL.recipients_again, values)
        connection.execute(SQL.owe_no_notice, values)
