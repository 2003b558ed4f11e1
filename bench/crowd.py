"""A spool with very much mail in it, put there at once: rows by bulk, bodies in the database or as files."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from relay.message.address import Address
from relay.spool.database import connect
from relay.spool.keyring import NO_KEYS
from relay.spool.sqlite import _insert
from relay.spool.store import NewMessage, Stored
from relay.spool.ulid import new_id

if TYPE_CHECKING:
    from pathlib import Path

PROFILE, MAILBOX = "scans", "scanner@contoso.example"
HEAD = b"Subject: scan\r\nMessage-ID: <1@contoso.example>\r\n\r\n"
BODY = b"x" * 400
_LARGE_EVERY = 4  # one message of so many has its body in a file
_DEVICES = 50


def fill(directory: Path, count: int, *, due_in_s: float = 0.0, files: bool = True) -> list[str]:
    """Accepted messages of fifty devices, waiting, one a millisecond; their ids. The relay must not run."""
    bodies = directory / "bodies"
    bodies.mkdir(mode=0o700, parents=True, exist_ok=True)
    messages = [message(n, in_file=files and n % _LARGE_EVERY == 0) for n in range(count)]
    since = time.time_ns() // 1_000_000 - count
    times = [(since + n, since + n + int(due_in_s * 1000), new.id) for n, new in enumerate(messages)]
    with closing(connect(directory / "spool.db")) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for new in messages:
            if new.body.content is None:
                (bodies / new.id).write_bytes(BODY)
            _insert(connection, new, NO_KEYS)
        connection.executemany("UPDATE message SET received_at = ?, due_at = ? WHERE id = ?", times)
        connection.execute("COMMIT")
    return [new.id for new in messages]


def message(n: int, *, in_file: bool = False) -> NewMessage:
    """The message of the n-th device."""
    return NewMessage(
        id=new_id(), device=f"copier-{n % _DEVICES}", profile=PROFILE, mailbox=MAILBOX, sender=Address(MAILBOX),
        recipients=(Address("a@contoso.example"),), client="10.0.2.17", head=HEAD,
        body=Stored(None if in_file else BODY, len(BODY)), eight_bit=False,
    )  # fmt: skip
