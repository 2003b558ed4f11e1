"""A header section before and after, field by field: what stayed, what went, what came. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

_NEXT_FIELD = re.compile(r"\r?\n(?![ \t])")


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it stands, folded lines and all. `mark` is empty, gone or new."""

    mark: str
    text: str


def compared(before: str, after: str) -> list[Field]:
    """Fields of both in their order; one that was changed is gone, then new."""
    old, new = fields_of(before), fields_of(after)
    found = list[Field]()
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            found += [Field("", text) for text in old[i:j]]
        else:
            found += [Field("gone", text) for text in old[i:j]] + [Field("new", text) for text in new[k:m]]
    return found


def fields_of(header: str) -> list[str]:
    """Each field with its continuation lines."""
    return [field for field in _NEXT_FIELD.split(header) if field.strip()]
