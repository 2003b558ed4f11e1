"""The configuration in effect as a YAML file that says of each line whether it was set."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from relay.config.leaves import Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from relay.config.complaint import Path
    from relay.config.leaves import Leaf

# What needs no quotes anywhere: nothing that YAML knows a meaning for.
_PLAIN = re.compile(r"[A-Za-z0-9_/.][\w/.@+-]*(?:(?: |:(?=[^\s]))[\w/.@+-]+)*", re.ASCII)
_NULL = ("null", "Null", "NULL")


def yaml_text(found: Iterable[Leaf]) -> str:
    """One line an option. What was not set has the word behind it; an empty value is one that there is not."""
    return "".join(f"{line}\n" for line in _lines(found))


def _lines(found: Iterable[Leaf]) -> Iterator[str]:
    before: Path = ()
    for leaf in found:
        depth = next((n for n, pair in enumerate(zip(before, leaf.path, strict=False)) if pair[0] != pair[1]), 0)
        for n in range(depth, len(leaf.path) - 1):
            if isinstance(leaf.path[n], str):
                yield f"{_indent(leaf.path, n, depth)}{_scalar(leaf.path[n])}:"
        last = len(leaf.path) - 1
        word = "" if leaf.origin is Origin.SET else f"  # {leaf.origin}"
        value = value_text(leaf.shown)
        yield f"{_indent(leaf.path, last, depth)}{_scalar(leaf.path[last])}:{' ' * bool(value)}{value}{word}"
        before = leaf.path


def _indent(path: Path, n: int, depth: int) -> str:
    """The first line of an item of a list has its dash."""
    begins = n > 0 and isinstance(path[n - 1], int) and n - 1 >= depth
    return "  " * (n - 1) + "- " if begins else "  " * n


def value_text(value: Any) -> str:
    """A value as the file would have it; empty for none."""
    if isinstance(value, list):
        return f"[{', '.join(_item(item) for item in value)}]"
    return "" if value is None else _scalar(value)


def _item(value: Any) -> str:
    """In a list between brackets more signs have a meaning, and nothing is nothing."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else _scalar(value)


def _scalar(value: Any) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    plain = _PLAIN.fullmatch(value) and value not in _NULL
    return value if plain else json.dumps(value, ensure_ascii=False)
