"""Facts as a person reads them."""

from __future__ import annotations

from relay.cli.table import listing, table


def test_columns_are_as_wide_as_their_widest_cell():
    """The heading counts as a cell, and a line has no blanks at its end."""
    assert table([{"id": "A", "size": 10}, {"id": "BCD", "size": ""}]).splitlines() == ["id   size", "A    10", "BCD"]


def test_a_long_answer_does_not_break_the_table():
    """Line ends become blanks and the end is cut visibly."""
    cell = table([{"answer": "550 no\n" + "x" * 100}]).splitlines()[1]

    assert cell.startswith("550 no xxx")
    assert cell.endswith("…")
    assert len(cell) == 60


def test_a_listing_shows_a_text_whole_and_leaves_out_what_is_not_there():
    """The lines of a header stand below each other; an answer that has not come has no line."""
    text = listing({"state": "queued", "answer": "", "header": "From: a@b\nTo: c@d"})

    assert text.splitlines() == ["state   queued", "header  From: a@b", "        To: c@d"]
