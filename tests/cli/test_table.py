"""Facts as a person and as a program read them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from relay.cli.table import listing, plain, table


class Colour(StrEnum):
    """Any enumeration."""

    RED = "red"


@dataclass
class Part:
    """Any value object."""

    name: str
    seen_at: float | None
    colour: Colour = Colour.RED


def test_a_value_object_becomes_what_json_knows():
    """Enumerations become text, moments RFC 3339 times, missing ones stay missing."""
    first, second = plain([Part("a", 0.0), Part("b", None)])

    assert first["colour"] == "red"
    assert first["seen_at"].startswith(("1970-01-01T", "1969-12-31T"))
    assert second["seen_at"] is None


def test_columns_are_as_wide_as_their_widest_cell():
    """The heading counts as a cell, and a line has no blanks at its end."""
    assert table([{"id": "A", "size_mb": 10}, {"id": "BCD", "size_mb": None}]).splitlines() == [
        "id   size mb",
        "A    10",
        "BCD",
    ]


def test_a_listing_shows_rows_beneath_the_plain_facts():
    """Attempts of a message stand below what is known of it."""
    text = listing({"attempts": [{"answer": "451 later"}], "state": "deferred", "to": ["a@b", "c@d"]})

    assert text.splitlines() == ["state     deferred", "to        a@b c@d", "", "attempts", "answer", "451 later"]


def test_a_long_answer_does_not_break_the_table():
    """Line ends become blanks and the end is cut visibly."""
    cell = table([{"answer": "550 no\n" + "x" * 100}]).splitlines()[1]

    assert cell.startswith("550 no xxx")
    assert cell.endswith("…")
    assert len(cell) == 60
