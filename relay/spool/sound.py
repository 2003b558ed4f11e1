"""What a damaged row still says: whatever its columns hold, those who show it meet text and numbers. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBERS = frozenset({
    "added", "again_at", "at", "attempts", "body_size", "doubts", "due_at", "ended_at", "n", "received_at",
    "recipients", "settled_at", "size", "started_at",
})  # fmt: skip
_LATEST = 1 << 46  # epoch milliseconds, the year 4199; nothing else is larger


def sound(row: Mapping[str, Any]) -> dict[str, Any]:
    """Columns by name: nought for a number that can be none, and text for all that is no number."""
    return {name: number(value) if name in _NUMBERS else text(value) for name, value in row.items()}


def number(value: object) -> int | None:
    """None stays what it is: something that has not happened."""
    if value is None:
        return None
    return value if isinstance(value, int) and abs(value) <= _LATEST else 0


def text(value: Any) -> Any:
    """Octets in the place of text, as far as they are text; others as they are."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
