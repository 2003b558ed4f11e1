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


def milestones(transcript: Iterable[str]) -> list[tuple[str, int]]:
    """Each with its milliseconds since the beginning, and when the other side spoke last."""
    found = dict[str, int]()
    for line in filter(None, map(_LINE.match, transcript)):
        at, said = int(line[1]), line[2] + line[3]
        for name, sign in _SIGNS:
            if sign.match(said):
                found[name] = at
        if line[2] == "S":
            found.pop("answered", None)  # in the order of time
            found["answered"] = at
    return list(found.items())
