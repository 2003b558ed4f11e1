"""The figures the relay must reach, each with its target and the aim beyond, beside what was measured.

A ratio is taken within each round and the median of the rounds is shown: both peers saw the same minute of the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from bench.postfix import NAME as POSTFIX
from bench.relay import NAME as RELAY

if TYPE_CHECKING:
    from bench.rounds import Samples


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a figure of a scenario, against Postfix (`paired`) or alone, and what it must reach."""

    what: str
    scenario: str
    figure: str
    unit: str
    target: float | None
    aim: float | None
    paired: bool = True
    at_most: bool = False


ROWS = (
    Row("10 KB, 50 devices: accepted/s", "accept", "per_s", "x Postfix", 1.5, 2.5),
    Row("  the same, upstream held back", "accept-held", "per_s", "x Postfix", None, None),
    Row("one 25 MB scan: MB/s", "scan", "mb_s", "x Postfix", 1.2, 1.3),
    Row("eight 25 MB scans at once: MB/s", "eight", "mb_s", "x Postfix", 0.9, 1.0),
    Row("delivery, 30 ms a reply, 3 connections", "delivery", "share", "of the limit", 0.80, 0.95, paired=False),
    Row("CPU ms per message, delivered", "accept", "cpu_ms", "x Postfix", 1 / 2, 1 / 5, at_most=True),
    Row("peak PSS, 50 x 25 MB at once", "memory", "large_mb", "MB", 90, 60, paired=False, at_most=True),
    Row("  growth from 50 x 5 MB", "memory", "growth", "x", 1.1, 1.05, paired=False, at_most=True),
    Row("start to first 220", "start", "seconds", "s", 1.0, 0.6, paired=False, at_most=True),
)
_FORM = "{:<38}{:>8}{:>9}   {:<9}{:<16}{:<14}{:>8}{:>8}  {}"


@dataclass(frozen=True, slots=True)
class Result:
    """A row's medians, and the measured value that its target speaks of, with the spread over the rounds."""

    row: Row
    relay: float
    postfix: float | None
    value: float
    lowest: float
    highest: float

    @property
    def verdict(self) -> str:
        """ "aim", "target" or "MISSED"; empty for a row without a target."""
        if self.row.target is None or self.row.aim is None:
            return ""
        if self._reaches(self.row.aim):
            return "aim"
        return "target" if self._reaches(self.row.target) else "MISSED"

    def _reaches(self, bound: float) -> bool:
        return self.value <= bound if self.row.at_most else self.value >= bound


def results(samples: Samples) -> list[Result]:
    """One result for each row that was measured."""
    found = (_result(row, samples) for row in ROWS)
    return [result for result in found if result]


def _result(row: Row, samples: Samples) -> Result | None:
    peers = samples.get(row.scenario, {})
    ours, theirs = ([figures[row.figure] for figures in peers.get(name, [])] for name in (RELAY, POSTFIX))
    values = [mine / other for mine, other in zip(ours, theirs, strict=False)] if row.paired else ours
    if not values:
        return None
    return Result(row, median(ours), median(theirs) if theirs else None, median(values), min(values), max(values))


def render(outcome: list[Result]) -> str:
    """The table as text."""
    lines = [_FORM.format("what", "relay", "Postfix", "measured", "range", "", "target", "aim", "").rstrip()]
    lines += [_line(result) for result in outcome]
    return "\n".join(lines)


def _line(result: Result) -> str:
    row = result.row
    spread = f"({_number(result.lowest)} - {_number(result.highest)})"
    bounds = [_bound(row, row.target), _bound(row, row.aim)]
    numbers = [_number(value) for value in (result.relay, result.postfix, result.value)]
    return _FORM.format(row.what, *numbers, spread, row.unit, *bounds, result.verdict).rstrip()


def _bound(row: Row, value: float | None) -> str:
    return "-" if value is None else f"{'<=' if row.at_most else '>='} {value:g}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.3g}"
