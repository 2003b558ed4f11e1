"""A spool with very much mail in it, put there at once: rows by bulk, bodies in the database or as files."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from relay.spool.database import connect
from relay.spool.queries import SQL
from relay.spool.ulid import new_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROFILE, MAILBOX = "scans", "scanner@contoso.example"
HEAD = b"Subject: scan\r\nMessage-ID: <1@contoso.example>\r\n\r\n"
BODY = b"x" * 400
_LARGE_EVERY = 4  # one message of so many has its body in a file
_DEVICES = 50


def fill(directory: Path, count: int, *, due_in_s: float = 0.0, files: bool = True) -> list[str]:
    """Accepted messages of fifty devices, waiting; their ids. The relay must not run."""
    bodies = directory / "bodies"
    bodies.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = time.time_ns() // 1_000_000
    rows = list(_rows(count, now, now + int(due_in_s * 1000), files=files))
    for row in rows:
        if row["body_file"]:
            (bodies / row["id"]).write_bytes(BODY)
    with closing(connect(directory / "spool.db")) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(SQL.insert_message, rows)
        connection.executemany(SQL.insert_body, [row | {"head": HEAD} for row in rows])
        connection.executemany(SQL.insert_recipient, [row | {"n": 0, "address": "a@contoso.example"} for row in rows])
        connection.executemany("UPDATE message SET due_at = :due_at WHERE id = :id", rows)
        connection.execute("COMMIT")
    return [row["id"] for row in rows]


def _rows(count: int, now: int, due_at: int, *, files: bool) -> Iterator[dict[str, Any]]:
    size = len(HEAD) + len(BODY)
    for n in range(count):
        in_file = files and n % _LARGE_EVERY == 0
        yield {
            "id": new_id(), "device": f"copier-{n % _DEVICES}", "profile": PROFILE, "mailbox": MAILBOX,
            "sender": MAILBOX, "client": "10.0.2.17", "now": now - count + n, "due_at": due_at - count + n,
            "size": size, "body_size": len(BODY), "eight_bit": 0, "body_file": in_file,
            "content": None if in_file else BODY, "precedence": 2, "kind": "mail", "author": "", "transcript": "",
            "recipients": 1, "key_id": "", "arrival": "",
        }  # fmt: skip
