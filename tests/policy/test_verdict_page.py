"""The page about verdicts is printed from the table and cannot differ from it."""

from __future__ import annotations

from pathlib import Path

from relay.policy.rows_graph import GRAPH, OTHERS
from relay.policy.verdict_page import page
from relay.policy.verdicts import REPLY_ROWS, TOKEN_ROWS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "verdicts.md"


def test_the_committed_page_is_what_the_table_prints() -> None:
    """If this fails: python -m relay.policy.verdict_page > docs/reference/verdicts.md"""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_row_has_its_section() -> None:
    """An operator finds the rule of a log line as a heading."""
    headings = set(page().splitlines())

    assert all(f"### {row.rule}" in headings for row in (*REPLY_ROWS, *TOKEN_ROWS, *GRAPH, *OTHERS))
