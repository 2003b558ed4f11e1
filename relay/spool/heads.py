"""Which messages are first in line, as the writing thread saw it last: one look at the index serves many claims.

What is accepted, claimed and settled is followed here; after any other change of the database, and after a transaction
that was undone, the database is asked anew. So it is before a worker is told to rest: what is wrong here can cost a
turn, never a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.policy.turns import Head
from relay.spool.queries import SQL

if TYPE_CHECKING:
    import sqlite3

    from relay.spool.store import NewMessage, Seat

    Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class _Queue:
    """The heads of one profile by precedence and device, with the turns that its mailbox counts."""

    mailbox: str
    heads: dict[Key, Head]


class Heads:
    """Belongs to the thread that writes; `total_changes` of its connection tells whether anybody else has written."""

    def __init__(self) -> None:
        self._seen = -1  # total_changes, when what stands here was true
        self._queues: dict[str, _Queue] = {}
        self._served: dict[str, dict[str, int]] = {}  # by mailbox and device; the table `turn`

    def forget(self) -> None:
        """A transaction was undone."""
        self._seen = -1
        self._queues.clear()
        self._served.clear()

    def of(self, connection: sqlite3.Connection, seat: Seat, *, anew: bool) -> list[Head]:
        """The first waiting message of each profile, precedence and device; `anew`: as the database says."""
        if anew or self._seen != connection.total_changes:
            self._queues.clear()
        found: list[Head] = []
        for profile in seat.profiles:
            queue = self._queues.get(profile)
            if queue is None or queue.mailbox != seat.mailbox:
                queue = self._queues[profile] = self._look(connection, seat.mailbox, profile)
            found += queue.heads.values()
        self._seen = connection.total_changes
        return found

    def next_turn(self, connection: sqlite3.Connection, mailbox: str) -> int:
        """The number of the turn that comes now: higher than all before."""
        return max(self._turns(connection, mailbox).values(), default=0) + 1

    def accepted(self, connection: sqlite3.Connection, new: NewMessage, now: int, before: int) -> None:
        """A message is in the database, due at once; `before` is what `total_changes` was before that."""
        if self._seen != before:
            return
        self._seen = connection.total_changes
        queue = self._queues.get(new.profile)
        if queue is None:
            return
        key = (new.precedence, new.device)
        first = queue.heads.get(key)
        if first is None or not isinstance(first.due_at, int) or (first.due_at, first.id) > (now, new.id):
            served = self._turns(connection, queue.mailbox).get(new.device, 0)
            queue.heads[key] = Head(new.profile, new.id, new.precedence, new.device, now, served)

    def taken(self, connection: sqlite3.Connection, mailbox: str, head: Head, behind: Head | None, turn: int) -> None:
        """A claim has taken the head; `behind` is the next of its device, `turn` the one that this was."""
        self._seen = connection.total_changes
        self._turns(connection, mailbox)[head.device] = turn
        heads = self._queues[head.profile].heads
        del heads[head.precedence, head.device]
        if behind is not None:
            heads[head.precedence, head.device] = behind
        for queue in self._queues.values():
            if queue.mailbox == mailbox:
                _serve(queue.heads, head.device, turn)

    def settled(self, connection: sqlite3.Connection, before: int) -> None:
        """A message that was claimed waits no more."""
        if self._seen == before:
            self._seen = connection.total_changes

    def _look(self, connection: sqlite3.Connection, mailbox: str, profile: str) -> _Queue:
        served = self._turns(connection, mailbox)
        rows = connection.execute(SQL.heads, {"profile": profile})
        return _Queue(mailbox, {
            (precedence, device): Head(profile, name, precedence, device, due_at, served.get(device, 0))
            for name, precedence, device, due_at in rows
        })  # fmt: skip

    def _turns(self, connection: sqlite3.Connection, mailbox: str) -> dict[str, int]:
        served = self._served.get(mailbox)
        if served is None:
            served = self._served[mailbox] = dict(connection.execute(SQL.turns, {"mailbox": mailbox}).fetchall())
        return served


def _serve(heads: dict[Key, Head], device: str, turn: int) -> None:
    """What else waits of that device has had its turn as well."""
    for precedence in range(4):
        head = heads.get((precedence, device))
        if head is not None:
            heads[precedence, device] = Head(head.profile, head.id, precedence, device, head.due_at, turn)
