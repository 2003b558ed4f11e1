"""Facts as a person reads them: rows as a table, one thing as a listing, times as local time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import Any

_WIDEST = 60


def plain(value: Any) -> Any:
    """A value object as JSON knows it: dictionaries, lists, text and numbers; numbers called `…_at` are moments."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _time(item) if _is_time(str(key), item) else plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(value)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Plain rows under a heading, columns as wide as their widest cell."""
    names = list(rows[0])
    lines = [[name.replace("_", " ").removesuffix(" at") for name in names]]
    lines += [[_cell(row.get(name)) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_padded(line, widths) for line in lines)


def listing(facts: Mapping[str, Any]) -> str:
    """One thing: a line for each fact; facts that are rows follow as tables."""
    width = max(map(len, facts), default=0)
    inner = {name: value for name, value in facts.items() if _are_rows(value)}
    lines = [f"{name.replace('_', ' '):<{width}}  {_cell(facts[name])}".rstrip() for name in facts if name not in inner]
    return "\n".join(lines + [f"\n{name}\n{table(rows)}" for name, rows in inner.items()])


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _padded(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        value = " ".join(map(str, value))
    text = " ".join(str(value).split())
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _is_time(name: str, value: Any) -> bool:
    return name.endswith("_at") and isinstance(value, (int, float)) and not isinstance(value, bool)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().isoformat(timespec="seconds")
