"""Messages page by page, settled ones too: the newest or the oldest first, each page from where the last one ended.

State by state along `message_state`, which holds device, profile and subject's hash: what these leave out is never
looked up. Other filters look at row after row; a search that takes too long ends with words.
"""

from __future__ import annotations

import re
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relay.spool.chronicle import Chronicle
from relay.spool.selection import UNSETTLED, Selection, conditions_of
from relay.spool.store import SpoolError
from relay.telemetry.clock import now_ms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.spool.browse import QueueRow

_WITHIN_S = 10.0
_LOOK_EVERY = 20_000  # steps of SQLite's machine
_CURSOR = re.compile(r"(\d{1,14})-([0-9A-Z]{1,26})")
_EITHER = {True: ("<", "DESC"), False: (">", "ASC")}


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the order of arrival: behind this message."""

    received_at: int
    id: str

    @classmethod
    def of(cls, cursor: str) -> Place:
        """Raises `ValueError`."""
        found = _CURSOR.fullmatch(cursor)
        if found is None:
            raise ValueError(f"{cursor[:50]!r} is no cursor: take `next` of the page before as it is")
        return cls(int(found[1]), found[2])

    def __str__(self) -> str:
        return f"{self.received_at}-{self.id}"


@dataclass(frozen=True, slots=True)
class Page:
    """Messages, and where the next page begins; None when there are no more."""

    rows: list[QueueRow]
    next: Place | None


class Searcher(Chronicle):
    """Looks through the spool."""

    def page(self, selection: Selection, after: Place | None, *, newest: bool) -> Page:
        """`selection.limit` messages at most, behind `after`. Raises `SpoolError`."""
        assert selection.limit is not None
        with self._reading() as connection:
            connection.set_progress_handler(_deadline(_WITHIN_S), _LOOK_EVERY)
            try:
                found = list(self._found(connection, selection, after, newest=newest))
            except sqlite3.OperationalError as error:
                raise _too_long(error) from error
            places = sorted(found, key=lambda place: (place.received_at, place.id), reverse=newest)[: selection.limit]
            rows = self._in_order(connection, [place.id for place in places])
        return Page(rows, places[-1] if len(found) > selection.limit else None)

    def _in_order(self, connection: sqlite3.Connection, ids: list[str]) -> list[QueueRow]:
        rows = {row.id: row for row in self._selected(connection, Selection(ids=tuple(ids)))} if ids else {}
        return [rows[name] for name in ids if name in rows]

    def _found(
        self, connection: sqlite3.Connection, selection: Selection, after: Place | None, *, newest: bool
    ) -> Iterator[Place]:
        """Of each state one more than wanted at most."""
        conditions, values = conditions_of(selection, now_ms(), indexed="i")
        beyond, order = _EITHER[newest]
        if after is not None:
            conditions.append(f"(i.received_at, i.id) {beyond} (?, ?)")
            values += [after.received_at, after.id]
        if selection.ids:
            conditions.append(f"i.id IN ({', '.join('?' * len(selection.ids))})")
            values += selection.ids
        where = " AND ".join(["i.state = ?", *conditions])
        statement = (
            "SELECT i.id, i.received_at FROM message i INDEXED BY message_state "  # noqa: S608  (words of ours)
            f"CROSS JOIN message m ON m.id = i.id WHERE {where} ORDER BY i.received_at {order}, i.id {order} LIMIT ?"
        )
        for state in selection.states or UNSETTLED:
            for message_id, received_at in connection.execute(statement, (state, *values, (selection.limit or 0) + 1)):
                yield Place(received_at if isinstance(received_at, int) else 0, message_id)  # of a damaged row


def _deadline(seconds: float) -> Any:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until


def _too_long(error: sqlite3.OperationalError) -> Exception:
    if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
        return error
    return SpoolError(
        f"the search took longer than {_WITHIN_S:g} s", "narrow it: name a device, a profile or a time (since, until)"
    )
