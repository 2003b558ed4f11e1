"""Everything that is kept about one message, for whoever tells its story; nothing of its content is read."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relay.spool.browse import Browser
from relay.spool.contents import heads_of
from relay.spool.queries import SQL
from relay.spool.sound import sound
from relay.spool.store import SpoolError

if TYPE_CHECKING:
    from relay.spool.browse import QueueItem
    from relay.spool.contents import Heads

NEWEST = 20_000
"""Among so many messages, the newest, one is looked for by its Message-ID."""
_FEW = 20
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """Columns by name, times in epoch milliseconds; `next` says in words what will happen."""

    message: Fields
    recipients: list[Fields]
    attempts: list[Fields]
    events: list[Fields]
    notices: list[Fields]
    next: str
    item: QueueItem
    heads: Heads | None


class Chronicle(Browser):
    """The spool as it is now, whether or not the relay runs."""

    def record(self, message_id: str) -> Record | None:
        """One message; None when there is none. Raises `SpoolError`."""
        item = self.show(message_id)
        with self._reading() as connection:
            connection.row_factory = sqlite3.Row
            key = {"id": message_id}
            row = connection.execute(SQL.story_message, key).fetchone()
            heads = self._heads(connection, message_id)
            recipients, attempts, events, notices = (
                [sound(dict(found)) for found in connection.execute(statement, key)]
                for statement in (SQL.story_recipients, SQL.story_attempts, SQL.story_events, SQL.story_notices)
            )
        if row is None or item is None:
            return None
        return Record(sound(dict(row)), recipients, attempts, events, notices, item.next, item, heads)

    def _heads(self, connection: sqlite3.Connection, message_id: str) -> Heads | None:
        try:
            return heads_of(connection, message_id, self._keys)
        except SpoolError:
            return None  # sealed with a key that is not there: `item.header` says so

    def ids(self, text: str) -> list[str]:
        """The messages whose id is this, or begins or ends so; at most a few. Raises `SpoolError`."""
        name = text.upper()
        values = {"text": name, "limit": _FEW}
        with self._reading() as connection:
            for statement in (SQL.ids_beginning, SQL.ids_ending):
                found = [row[0] for row in connection.execute(statement, values)]
                if found:
                    return [name] if name in found else found
        return []

    def ids_called(self, message_id: str) -> list[str]:
        """The messages with this Message-ID, angle brackets included, among the newest. Raises `SpoolError`."""
        quoted = json.dumps(message_id, ensure_ascii=False)
        with self._reading() as connection:
            rows = connection.execute(SQL.ids_called, {"quoted": quoted, "newest": NEWEST, "limit": _FEW})
            return [row[0] for row in rows]
