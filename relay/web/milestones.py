"""What stands out in what both sides said in an attempt: connected, encrypted, token, signed in, submitted. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LINE = re.compile(r"\s*(\d+) ([CS-]): (.*)")
_SIGNS = (
    ("connected", re.compile(r"-connected to ")),
    ("encrypted", re.compile(r"-TLSv")),
    ("token shown", re.compile(r"C.*\*\*\*\* \(the token of ")),
    ("signed in", re.compile(r"S235 ")),
    ("submitted", re.compile(r"C… [\d ]+ octets …")),
)


_SAME_MS = 5  # two clocks of one attempt differ by less


def milestones(transcript: Iterable[str], took_ms: int | None = None) -> list[tuple[str, int]]:
    """Each with its milliseconds since the beginning, and when the other side spoke last.

    A conversation counts from its connection, which may have served other messages before: then what came before the
    attempt, which ended `took_ms` after its beginning, is left out, and the rest counts from there.
    """
    found = _marks(transcript)
    earlier = 0 if took_ms is None else found.get("answered", 0) - took_ms
    if earlier <= _SAME_MS:
        return list(found.items())
    return [(name, at - earlier) for name, at in found.items() if at >= earlier]


def _marks(transcript: Iterable[str]) -> dict[str, int]:
    found = dict[str, int]()
    for line in filter(None, map(_LINE.match, transcript)):
        at, said = int(line[1]), line[2] + line[3]
        for name, sign in _SIGNS:
            if sign.match(said):
                found[name] = at
        if line[2] == "S":
            found.pop("answered", None)  # in the order of time
            found["answered"] = at
    return found
