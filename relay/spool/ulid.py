"""Message ids: ULIDs, 26 characters of Crockford base 32, in the order of their time (github.com/ulid/spec)."""

from __future__ import annotations

import os
import time

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _DIGITS for b in _DIGITS]
_DIGIT_OF_OCTET = (_DIGITS * 8).encode()  # 256 octets, 32 digits: each is as likely as the others
_RANDOM_DIGITS = 16
_AT_ONCE = 256
_random: list[str] = []


def new_id() -> str:
    """48 bits of milliseconds and 80 random bits."""
    ms = time.time_ns() // 1_000_000
    early, late = f"{_PAIRS[ms >> 40]}{_PAIRS[ms >> 30 & 1023]}", f"{_PAIRS[ms >> 10 & 1023]}{_PAIRS[ms & 1023]}"
    return f"{early}{_PAIRS[ms >> 20 & 1023]}{late}{_random_digits()}"


def time_of(message_id: str) -> int:
    """When it was made, in epoch milliseconds."""
    number = 0
    for digit in message_id[:10]:
        number = number << 5 | _DIGITS.index(digit)
    return number


def _random_digits() -> str:
    """The kernel is asked for many at once: to ask it, a thread lets the others run, and waits for its turn again."""
    try:
        return _random.pop()
    except IndexError:
        digits = os.urandom(_RANDOM_DIGITS * _AT_ONCE).translate(_DIGIT_OF_OCTET).decode("ascii")
        _random.extend(digits[at : at + _RANDOM_DIGITS] for at in range(_RANDOM_DIGITS, len(digits), _RANDOM_DIGITS))
        return digits[:_RANDOM_DIGITS]
