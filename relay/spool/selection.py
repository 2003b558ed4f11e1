"""Which messages are meant: one builder of SQL for lists and for orders, values always as parameters.

A selection is read from facts that came over a socket as well as from options, so that every mistake has words.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from relay.spool.store import State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

UNSETTLED = (State.QUEUED, State.UNCERTAIN, State.LEASED, State.HELD, State.CORRUPT)
_IDS_AT_ONCE = 500
_EQUAL = ("device", "profile", "subject_hash")
_HAS_RECIPIENT = "EXISTS (SELECT 1 FROM recipient r WHERE r.message_id = m.id AND lower(r.address) GLOB ?)"
_TEXTS = ("device", "profile", "mailbox", "sender", "recipient", "subject_hash", "rule")
_AGES = ("older_than_s", "younger_than_s")
_MOMENTS = ("since", "until")
_LATEST = 1 << 46  # epoch milliseconds; the year 4199


@dataclass(frozen=True, slots=True)
class Selection:
    """All that is set must be so. No states: all that are not settled, or those of the ids. In sender, recipient and
    rule * stands for any characters. `since` and `until` are when it was received, in epoch milliseconds; the first
    counts in, the last does not.
    """

    ids: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    device: str = ""
    profile: str = ""
    mailbox: str = ""
    sender: str = ""
    recipient: str = ""
    older_than_s: float | None = None
    younger_than_s: float | None = None
    subject_hash: str = ""
    rule: str = ""
    since: int | None = None
    until: int | None = None
    limit: int | None = None

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Selection:
        """Raises `ValueError` that names what is wrong."""
        unknown = facts.keys() - {one.name for one in fields(cls)}
        if unknown:
            raise ValueError(f"a selection has no {', '.join(sorted(unknown))}")
        values: dict[str, Any] = {name: _checked(name, value) for name, value in facts.items()}
        return cls(**values)

    def facts(self) -> dict[str, Any]:
        """What is set, for JSON."""
        return {name: value for name, value in asdict(self).items() if value not in ((), "", None)}

    @property
    def narrow(self) -> bool:
        """Whether anything but a limit says which messages are meant."""
        return bool(self.facts().keys() - {"limit"})


def ids_of(connection: sqlite3.Connection, selection: Selection, now: int) -> list[str]:
    """The ids of all that are meant, oldest first."""
    found = list(_rows(connection, "m.id, m.received_at", selection, now))
    return [row[0] for row in oldest_first(found, 1)][: selection.limit]


def rows_of(connection: sqlite3.Connection, columns: str, selection: Selection, now: int) -> list[tuple[Any, ...]]:
    """`columns` of all that are meant, the id first and when it was received second; oldest first."""
    return oldest_first(list(_rows(connection, columns, selection, now)), 1)[: selection.limit]


def oldest_first(rows: list[tuple[Any, ...]], received: int) -> list[tuple[Any, ...]]:
    """By time, then by id; of a damaged row the time may be anything."""
    return sorted(rows, key=lambda row: (row[received] if isinstance(row[received], int) else 0, row[0]))


def _rows(connection: sqlite3.Connection, columns: str, selection: Selection, now: int) -> Iterable[tuple[Any, ...]]:
    """Ids by the key, everything else state by state: each by an index, which settled mail does not lengthen."""
    conditions, values = conditions_of(selection, now)
    if selection.ids:
        wanted = [f"m.state IN ({_marks(len(selection.states))})"] if selection.states else []
        for start in range(0, len(selection.ids), _IDS_AT_ONCE):
            ids = selection.ids[start : start + _IDS_AT_ONCE]
            where = " AND ".join([f"m.id IN ({_marks(len(ids))})", *wanted, *conditions])
            statement = f"SELECT {columns} FROM message m WHERE {where}"  # noqa: S608  (marks and columns of ours)
            yield from connection.execute(statement, (*ids, *selection.states, *values))
        return
    limit = -1 if selection.limit is None else selection.limit
    where = " AND ".join(["m.state = ?", *conditions])
    statement = f"SELECT {columns} FROM message m WHERE {where} ORDER BY m.received_at LIMIT ?"  # noqa: S608
    for state in selection.states or UNSETTLED:
        yield from connection.execute(statement, (state, *values, limit))


def conditions_of(selection: Selection, now: int, indexed: str = "m") -> tuple[list[str], list[Any]]:
    """What must be so of message `m`, and the values. Columns of message_state are asked of `indexed`."""
    asked = [(f"{indexed}.{name} = ?", getattr(selection, name) or None) for name in _EQUAL]
    asked += [
        (f"{indexed}.received_at <= ?", _ago(selection.older_than_s, now)),
        (f"{indexed}.received_at > ?", _ago(selection.younger_than_s, now)),
        (f"{indexed}.received_at >= ?", selection.since), (f"{indexed}.received_at < ?", selection.until),
        ("lower(m.mailbox) = lower(?)", selection.mailbox or None), ("lower(m.sender) GLOB ?", _glob(selection.sender)),
        ("lower(m.rule) GLOB ?", _glob(selection.rule)), (_HAS_RECIPIENT, _glob(selection.recipient)),
    ]  # fmt: skip
    meant = [(condition, value) for condition, value in asked if value is not None]
    return [condition for condition, _ in meant], [value for _, value in meant]


def _ago(seconds: float | None, now: int) -> int | None:
    return None if seconds is None else now - int(seconds * 1000)


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def _glob(pattern: str) -> str | None:
    """Only * is special, as in the configuration; None where nothing is asked."""
    return None if not pattern else "".join(f"[{char}]" if char in "?[" else char for char in pattern.lower())


def _checked(name: str, value: object) -> object:
    if name in _TEXTS and isinstance(value, str):
        return value
    if name in ("ids", "states") and isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value):
        unknown = set(value) - set(State) if name == "states" else set()
        if unknown:
            raise ValueError(f"there is no state {', '.join(sorted(unknown))}; one of: {', '.join(State)}")
        return tuple(dict.fromkeys(value))
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if name in _AGES and number and 0 <= value <= 1e9:  # type: ignore[operator]
        return value
    if name in _MOMENTS and number and isinstance(value, int) and 0 <= value <= _LATEST:
        return value
    if name == "limit" and number and isinstance(value, int) and 1 <= value <= 1 << 40:
        return value
    raise ValueError(f"{name} can't be {value!r}")
