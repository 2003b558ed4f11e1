"""Times as other products write them."""

from __future__ import annotations

import re

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seconds_of(text: str, unit: str) -> int:
    """`5d`, `90m`, or a bare number in `unit`; 0 for anything else, and for more than a year."""
    found = re.fullmatch(r"(\d{1,9})([smhdw]?)", text.strip())
    seconds = int(found[1]) * _UNITS[found[2] or unit] if found else 0
    return seconds if seconds <= 31_536_000 else 0
