"""Answers that the verdict table does not know, counted so that they can be reported and the table can learn them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.policy.sentence import sentence
from relay.policy.verdict import is_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_GROUPS = 200
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Unknown:
    """The same answer, however often it came: the rule that caught it, at which step, and when last (epoch ms)."""

    rule: str
    stage: str
    answer: str
    times: int
    last: int


class Unknowns:
    """Counts by rule, step and sentence (without `[host time id]`); what was not seen for longest makes room."""

    def __init__(self, most: int = MOST_GROUPS) -> None:
        """Holds at most `most` groups."""
        self._most = most
        self._groups: dict[tuple[str, str, str], Unknown] = {}

    def note(self, rule: str, stage: str, answer: str, at: int) -> None:
        """One answer more; one that the table knows is passed over."""
        if not is_unknown(rule):
            return
        key = (rule, stage, sentence(answer)[:_LONGEST])
        before = self._groups.pop(key, None)
        times, last = (before.times, before.last) if before else (0, 0)
        self._groups[key] = Unknown(*key, times + 1, max(last, at))
        if len(self._groups) > self._most:
            del self._groups[next(iter(self._groups))]

    def groups(self) -> list[Unknown]:
        """The groups, the most frequent first."""
        return sorted(self._groups.values(), key=lambda group: (-group.times, -group.last))


def counted(rows: Iterable[tuple[str, str, str, int]]) -> list[Unknown]:
    """The groups of these (rule, step, answer, epoch milliseconds)."""
    unknowns = Unknowns()
    for row in rows:
        unknowns.note(*row)
    return unknowns.groups()
