"""The day as a picture (SVG, by hand: two curves need no library)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.day.exchange import PER_MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.day.run import Day

_WIDTH, _HEIGHT, _LEFT, _GAP = 960, 180, 60, 50
_COLOURS = {"exchange": "#f2c6c0", "entra": "#f6e3b4"}


def svg(day: Day) -> str:
    """Mail that waits, and the busiest mailbox's minute below Exchange's limit; outages are shaded."""
    hours = max(at for at, _, _ in day.samples) / 3600
    panels = [
        _panel(day, 0, hours, ("messages waiting in the spool", [(at, held) for at, held, _ in day.samples], None)),
        _panel(day, 1, hours, (
            "messages of the last minute, busiest mailbox", [(at, busy) for at, _, busy in day.samples], PER_MINUTE,
        )),
    ]  # fmt: skip
    width, height = _LEFT + _WIDTH + 20, 2 * (_HEIGHT + _GAP) + 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-size="12" '
        'font-family="sans-serif">\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n' + "\n".join(panels) + "\n</svg>\n"
    )


def _panel(day: Day, row: int, hours: float, curve: tuple[str, list[tuple[float, int]], int | None]) -> str:
    title, points, limit = curve
    top = max(1, limit or 0, *(value for _, value in points)) * 1.1
    begin = row * (_HEIGHT + _GAP) + 25
    parts = [f'<text x="{_LEFT}" y="{begin - 8}">{title}</text>', *_shades(day, begin, hours)]
    parts += [
        _hour(hour, begin, hours) for hour in range(int(day.scenario.begins), int(hours) + 1, 2 if hours < 30 else 6)
    ]
    parts.append(_level(0, begin, top, "#888"))
    parts.append(_level(limit or max(value for _, value in points), begin, top, "#c0392b" if limit else "#ccc"))
    drawn = " ".join(f"{_x(at, hours):.1f},{_y(value, begin, top):.1f}" for at, value in points)
    parts.append(f'<polyline points="{drawn}" fill="none" stroke="#1f5f99" stroke-width="1.5"/>')
    return "\n".join(parts)


def _shades(day: Day, begin: int, hours: float) -> Iterable[str]:
    for what, first, last in day.scenario.outages:
        x, width = _x(first * 3600, hours), (last - first) * _WIDTH / hours
        yield f'<rect x="{x:.1f}" y="{begin}" width="{width:.1f}" height="{_HEIGHT}" fill="{_COLOURS[what]}"/>'
        yield f'<text x="{x + 3:.1f}" y="{begin + 14}" font-size="10">{what} down</text>'


def _hour(hour: int, begin: int, hours: float) -> str:
    return f'<text x="{_x(hour * 3600, hours):.1f}" y="{begin + _HEIGHT + 15}" fill="#555">{hour}:00</text>'


def _level(value: int, begin: int, top: float, colour: str) -> str:
    y = _y(value, begin, top)
    return (
        f'<line x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}"/>'
        f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value}</text>'
    )


def _x(at: float, hours: float) -> float:
    return _LEFT + at / 3600 / hours * _WIDTH


def _y(value: float, begin: int, top: float) -> float:
    return begin + _HEIGHT * (1 - value / top)
