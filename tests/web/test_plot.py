"""The small plot: its scale, and where its points are."""

from __future__ import annotations

import pytest

from relay.web.plot import HEIGHT, WIDTH, ceiling, plot


@pytest.mark.parametrize(("most", "round_"), [(0, 1), (1, 1), (3, 5), (5, 5), (6, 10), (11, 20), (4999, 5000)])
def test_the_scale_ends_at_a_round_number(most: int, round_: int) -> None:
    """And never at nought."""
    assert ceiling(most) == round_


def test_nothing_is_drawn_outside() -> None:
    """The highest count reaches the top, the first and last minute stay inside."""
    made = plot([0, 10, 5], [0, 0, 10])
    points = [tuple(map(float, point.split(","))) for point in made.line.split()]
    assert len(points) == 3
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    assert points[1][1] == 8.0
    assert points[0][1] == made.floor
    assert made.bars.count("M") == 1
    assert [count for _, count in made.marks] == [0, 5, 10]


def test_an_empty_hour_is_a_line_on_the_floor() -> None:
    """No division by nought."""
    made = plot([0, 0], [0, 0])
    assert {point.split(",")[1] for point in made.line.split()} == {f"{made.floor:.1f}"}
    assert made.bars == ""
