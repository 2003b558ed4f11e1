"""Brings the database to the schema of this relay: made whole, or changed step by step, never backwards.

`schema.sql` is the newest one; `migrations/N.sql` leads from version N-1 to N. Each step is one transaction, so that a
crash between two leaves a spool that the next start takes further.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from relay.spool.queries import SCHEMA
from relay.spool.store import SpoolError

if TYPE_CHECKING:
    import sqlite3

VERSION = 3


def later(version: int) -> SpoolError:
    """A spool is never taken back to an earlier schema."""
    return SpoolError(
        f"the spool has schema {version}, this relay knows {VERSION}: it was used by a later version",
        "install that version again, or give this one a data_dir of its own",
    )


def prepare(connection: sqlite3.Connection) -> None:
    """Raises `SpoolError` for a spool of a later relay, `sqlite3.Error` for what the database says."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").fetchone():
        connection.executescript(f"BEGIN;\n{SCHEMA}\nCOMMIT;")
        return
    (version,) = connection.execute("SELECT version FROM schema_version").fetchone()
    if version > VERSION:
        raise later(version)
    for step in range(version + 1, VERSION + 1):
        script = files("relay.spool").joinpath("migrations", f"{step}.sql").read_text(encoding="utf-8")
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nUPDATE schema_version SET version = {step};\nCOMMIT;")
