"""How the queue is shaped: what waits, by profile and state, and for how long already; answered from one index."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.spool.queries import SQL

if TYPE_CHECKING:
    import sqlite3

AGES_S = (300, 900, 3600, 14_400, 86_400)


@dataclass(frozen=True, slots=True)
class Shape:
    """The messages of one profile in one state. `ages` counts those younger than each of `AGES_S`, then all others."""

    profile: str
    state: str
    count: int
    bytes: int
    oldest_s: int
    ages: tuple[int, ...]


def shape_of(connection: sqlite3.Connection, now_ms: int) -> tuple[Shape, ...]:
    """Everything not settled, by state and profile. A time to come, of another clock, counts as now."""
    values = {f"age_{n}": now_ms - limit * 1000 for n, limit in enumerate(AGES_S)}
    rows = connection.execute(SQL.shape, values).fetchall()
    return tuple(_shape(row, now_ms) for row in rows)


def _shape(row: tuple[str, str, int, int, int, int, int, int, int, int], now_ms: int) -> Shape:
    state, profile, count, octets, oldest, *younger = row
    younger = [*younger, count]
    ages = tuple(limit - before for before, limit in zip([0, *younger], younger, strict=False))
    return Shape(profile, state, count, octets, max(0, (now_ms - oldest) // 1000), ages)


def age_class(seconds: float) -> int:
    """Which of `Shape.ages` a message of that age is counted in."""
    return bisect_right(AGES_S, seconds)
