"""How much each device handed in, as far as the spool still knows; answered from one index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.spool.queries import SQL

if TYPE_CHECKING:
    import sqlite3

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Volume:
    """One device: its newest message (epoch milliseconds), and messages and octets of the last day and week.

    Notices about its mail count too.
    """

    last: int
    last_id: str
    kept: int
    day: int
    day_octets: int
    week: int
    week_octets: int


def volumes_of(connection: sqlite3.Connection, now_ms: int) -> dict[str, Volume]:
    """By device."""
    rows = connection.execute(SQL.volumes, {"day": now_ms - _DAY_MS, "week": now_ms - 7 * _DAY_MS})
    return {device: Volume(*numbers) for device, *numbers in rows}
