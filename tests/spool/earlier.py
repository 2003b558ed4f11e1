"""A spool as version 1 of the schema left it, filled by hand: the fixture of the migration."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from relay.spool.ulid import new_id
from tests.spool.conftest import LARGE, LINES

SCHEMA_1 = Path(__file__).with_name("schema_1.sql")
SMALL = b"hello\r\n"
LEFT_BEHIND = ("queued", "leased", "held", "delivered", "failed")
_MESSAGE = """
INSERT INTO message (id, device, profile, mailbox, sender, client, state, due_at, lease_until, fence, attempts,
  received_at, settled_at, size, body_size, eight_bit, body_file)
VALUES (:id, 'copier', :profile, :mailbox, :mailbox, '10.0.2.17', :state, 0, 0, :attempts, :attempts, 1700000000000,
  :settled_at, :size, :body_size, 0, :body_file)"""


class Earlier:
    """Makes the spool; `ids` are its messages by state, one with a small and one with a large body in each."""

    def __init__(self, directory: Path, *, profile: str, mailbox: str, recipient: str) -> None:
        self.directory = directory
        self.ids: dict[str, list[str]] = {state: [] for state in LEFT_BEHIND}
        self._who = {"profile": profile, "mailbox": mailbox}
        self._recipient = recipient
        self._settled_at = time.time_ns() // 1_000_000 - 1000  # its retention is not over
        (directory / "bodies").mkdir(parents=True)
        with closing(sqlite3.connect(directory / "spool.db")) as connection:
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(SCHEMA_1.read_text())
            for state in LEFT_BEHIND:
                for body in (SMALL, LINES):
                    self._put(connection, state, body)
            connection.execute("INSERT INTO mailbox (name) VALUES (?)", (mailbox,))
            connection.execute("INSERT INTO slot (mailbox, n, owner, lease_until) VALUES (?, 0, 'gone', 9)", (mailbox,))
            connection.commit()

    def _head(self, key: str) -> bytes:
        fields = (
            f"From: <{self._who['mailbox']}>", f"To: <{self._recipient}>", "Subject: scan",
            "Date: Sat, 28 Nov 2026 06:00:00 +0000", f"Message-ID: <{key}@relay.test>", "", "",
        )  # fmt: skip
        return "\r\n".join(fields).encode()

    def _put(self, connection: sqlite3.Connection, state: str, body: bytes) -> None:
        key = new_id()
        self.ids[state].append(key)
        in_file, attempts = len(body) == LARGE, int(state != "queued")
        connection.execute(_MESSAGE, self._who | {
            "id": key, "state": state, "attempts": attempts, "body_size": len(body),
            "size": len(self._head(key)) + len(body),
            "settled_at": self._settled_at if state in ("delivered", "failed") else None, "body_file": in_file,
        })  # fmt: skip
        final = state if state in ("delivered", "failed") else "pending"
        connection.execute("INSERT INTO recipient VALUES (?, 0, ?, ?, '')", (key, self._recipient, final))
        if attempts:
            outcome = "" if state == "leased" else state
            connection.execute(
                "INSERT INTO attempt (message_id, n, started_at, outcome) VALUES (?, 1, 5, ?)", (key, outcome)
            )
        if state == "delivered":
            return
        connection.execute("INSERT INTO body VALUES (?, ?, ?)", (key, self._head(key), None if in_file else body))
        if in_file:
            (self.directory / "bodies" / key).write_bytes(body)
