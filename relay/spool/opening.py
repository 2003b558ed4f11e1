"""The spool is opened: a damaged database salvaged, the schema brought up to date, what a crash left mended."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from relay.spool.database import NAME, connect, is_damaged
from relay.spool.recovery import Recovered, recover
from relay.spool.salvage import Salvaged, mark, salvage, unmark

if TYPE_CHECKING:
    from pathlib import Path

    from relay.spool.damage import Inspector


def opened(directory: Path, inspector: Inspector, release: str) -> tuple[Recovered, Salvaged | None]:
    """Blocks. Raises `OSError`, `sqlite3.Error`, `SpoolError`. `release` is the statement that ends old leases."""
    try:
        return _opened(directory, inspector, release)
    except sqlite3.DatabaseError as error:
        if not is_damaged(error):
            raise
        mark(directory, str(error))
    return _opened(directory, inspector, release)


def _opened(directory: Path, inspector: Inspector, release: str) -> tuple[Recovered, Salvaged | None]:
    salvaged = salvage(directory)
    database = directory / NAME
    remade = salvaged is not None or not database.exists() or not database.stat().st_size
    recovered = recover(lambda: connect(database), inspector, release, remade=remade)
    if salvaged is not None:
        unmark(directory)
    return recovered, salvaged
