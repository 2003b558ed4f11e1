"""A header section before and after, field by field: what stayed, what went, what came. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

_NEXT_FIELD = re.compile(r"\r?\n(?![ \t])")
_MOST = 200  # fields whose best match is looked for: two thousand, as a device may send them, would take minutes


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it stands, folded lines and all. `mark` is empty, gone or new."""

    mark: str
    text: str


def compared(before: str, after: str) -> list[Field]:
    """Fields of both in their order; one that was changed is gone, then new."""
    old, new = fields_of(before), fields_of(after)
    begin = _alike(old, new)
    end = _alike(old[begin:][::-1], new[begin:][::-1])
    same, stays = old[:begin], old[len(old) - end :]
    changed = _changed(old[begin : len(old) - end], new[begin : len(new) - end])
    return [*_marked("", same), *changed, *_marked("", stays)]


def _alike(one: list[str], other: list[str]) -> int:
    """How many fields are the same from the beginning on."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _changed(old: list[str], new: list[str]) -> list[Field]:
    """What lies between; of too many fields all are gone, then all new."""
    if max(len(old), len(new)) > _MOST:
        return [*_marked("gone", old), *_marked("new", new)]
    found = list[Field]()
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        found += _marked("", old[i:j]) if kind == "equal" else [*_marked("gone", old[i:j]), *_marked("new", new[k:m])]
    return found


def _marked(mark: str, texts: list[str]) -> list[Field]:
    return [Field(mark, text) for text in texts]


def fields_of(header: str) -> list[str]:
    """Each field with its continuation lines."""
    return [field for field in _NEXT_FIELD.split(header) if field.strip()]
