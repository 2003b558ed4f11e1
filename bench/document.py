"""Puts a run into docs/performance.md: its figures block is printed by a run, never typed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bench.machine import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = PROJECT / "docs" / "performance.md"
_BEGIN, _END = "<!-- figures: printed by `make bench ARGS=--write-docs` -->\n", "<!-- end of figures -->"


def write_figures(printed: str, page: Path = PAGE, *, mark: str = _BEGIN) -> None:
    """Replaces what stands between that mark and the next end. Raises `ValueError` when a mark is missing."""
    before, begin, rest = page.read_text().partition(mark)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{page} has lost its marks; it needs the lines {mark.strip()!r} and {_END!r}")
    block = f"Taken on {datetime.now(UTC):%d %B %Y}.\n\n```\n{printed}\n```\n"
    page.write_text(before + begin + block + end + after)
