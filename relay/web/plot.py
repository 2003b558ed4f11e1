"""Two counts a minute as the points of a small plot: a line over bars, in the units of its viewBox. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 600, 120
_LEFT, _TOP, _BOTTOM = 28, 8, 18
_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Plot:
    """`line` are points of a polyline, `bars` is the path of the others; `marks` are heights with their numbers."""

    line: str
    bars: str
    marks: tuple[tuple[float, int], ...]
    left: int = _LEFT
    width: int = WIDTH
    height: int = HEIGHT
    floor: int = HEIGHT - _BOTTOM


def plot(line: Sequence[int], bars: Sequence[int]) -> Plot:
    """Both with as many minutes, the oldest first."""
    most = ceiling(max((*line, *bars), default=0))
    wide = (WIDTH - _LEFT) / max(1, len(line))
    high = (HEIGHT - _TOP - _BOTTOM) / most
    floor = HEIGHT - _BOTTOM
    points = (f"{_LEFT + (n + 0.5) * wide:.1f},{floor - count * high:.1f}" for n, count in enumerate(line))
    boxes = (
        f"M{_LEFT + n * wide + 0.5:.1f},{floor}v{-count * high:.1f}h{wide - 1:.1f}v{count * high:.1f}z"
        for n, count in enumerate(bars)
        if count
    )
    marks = tuple((round(floor - count * high, 1), count) for count in sorted({0, most // 2, most}))
    return Plot(" ".join(points), "".join(boxes), marks)


def ceiling(most: int) -> int:
    """The next round number that is not below: 1, 2, 5, 10, 20, 50, …; never nought."""
    scale = 1
    while True:
        for step in _STEPS:
            if step * scale >= most:
                return step * scale
        scale *= 10
