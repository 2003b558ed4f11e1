"""Message ids: ULIDs, 26 characters of Crockford base 32, in the order of their time (github.com/ulid/spec)."""

from __future__ import annotations

import os
import time

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _DIGITS for b in _DIGITS]


def new_id() -> str:
    """48 bits of milliseconds and 80 random bits."""
    number = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10), "big")
    return "".join(_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10))


def time_of(message_id: str) -> int:
    """When it was made, in epoch milliseconds."""
    number = 0
    for digit in message_id[:10]:
        number = number << 5 | _DIGITS.index(digit)
    return number
