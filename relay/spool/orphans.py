"""Mail whose row is lost, as an item that says so: it may be an accepted message, and nobody else knows of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from relay.spool.queries import SQL
from relay.spool.ulid import time_of

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

RULE = "spool.row-lost"
_ULID = re.compile("[0-7][0-9A-HJKMNP-TV-Z]{25}")


def is_body(name: str) -> bool:
    """Whether a file of this name is a whole body: halves have a suffix."""
    return _ULID.fullmatch(name) is not None


def adopt(connection: sqlite3.Connection, message_id: str, file: Path) -> bool:
    """Makes a corrupt message of what is left; False when nothing is, or its row is there.

    Recipients that have all had theirs, and no content, are what a settled message leaves: no mail.
    """
    key = {"id": message_id}
    head, content, pending = connection.execute(SQL.leavings, key).fetchone()
    in_file = file.exists()
    if not in_file and head is None and not pending:
        return False
    body_size = file.stat().st_size if in_file else content or 0
    left = [what for what, is_there in (("header", head is not None), ("body", in_file or content)) if is_there]
    values = key | {
        "received_at": time_of(message_id), "size": body_size + (head or 0), "body_size": body_size,
        "body_file": in_file, "rule": RULE,
        "answer": f"its row was lost with a damaged database; left are: {', '.join([*left, f'{pending} recipients'])}",
    }  # fmt: skip
    return connection.execute(SQL.adopt_message, values).rowcount == 1
