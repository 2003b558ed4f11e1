"""Facts as a person reads them: rows as a table, one thing as a listing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WIDEST = 60


def table(rows: Sequence[Mapping[str, Any]], whole: str = "") -> str:
    """Rows under a heading, columns as wide as their widest cell; a long cell is cut visibly, but in column `whole`."""
    names = list(rows[0])
    lines = [names, *([_cut(str(row[name]), whole=name == whole) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_padded(line, widths) for line in lines)


def listing(facts: Mapping[str, Any]) -> str:
    """One thing: a line for each fact that there is, whole; further lines of a text stand below its first."""
    width = max(map(len, facts), default=0)
    below = "\n" + " " * (width + 2)
    lines = (f"{name:<{width}}  {below.join(str(value).splitlines())}" for name, value in facts.items() if value != "")
    return "\n".join(lines)


def _padded(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _cut(text: str, *, whole: bool) -> str:
    text = " ".join(text.split())
    return text if whole or len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
