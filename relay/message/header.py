"""The header section as raw octets: where it ends, its fields, and changes that touch nothing else (RFC 5322 §2.2).

Nothing is decoded and encoded again: a field is replaced as a whole or left as it is, byte for byte.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LIMIT = 256 * 1024
_FIELD_START = re.compile(rb"(?m)^[!-9;-~]+[ \t]*:")
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_FIELD = re.compile(rb"(([!-9;-~]++)[ \t]*+:[^\n]*+\n(?:[ \t][^\n]*+\n)*+)|[^\n]*+\n?+")
_REMEMBERED = 4096  # a dozen questions are asked of the section of every message, and one walk through it answers all


class HeaderTooLarge(ValueError):  # noqa: N818  (named for what happened, as the reply text is)
    """The header section is larger than `LIMIT`."""


def body_offset(data: bytes, *, complete: bool) -> int | None:
    """Where the body starts, behind the empty line; None while more octets are needed to tell.

    Text without a single header field is all body; fields without an empty line are all header.
    Raises `HeaderTooLarge`.
    """
    if data.startswith(b"\r\n"):
        return 2
    end = data.find(b"\r\n\r\n")
    if end < 0 and not complete and len(data) <= LIMIT:
        return None
    section = data if end < 0 else data[: end + 2]
    if not _FIELD_START.search(section[:LIMIT]):
        return 0
    if len(section) > LIMIT:
        raise HeaderTooLarge(f"header section larger than {LIMIT} octets")
    return len(data) if end < 0 else end + 4


def section_of(head: bytes) -> bytes:
    """The fields of a head, each closed by CRLF, without the empty line.

    A fold in front of the first field is undone: it would continue what is put before it.
    """
    fields = (head[:-2] if head.endswith(b"\r\n\r\n") else head).lstrip(b" \t\r\n")
    return fields if not fields or fields.endswith(b"\r\n") else fields + b"\r\n"


def field(section: bytes, name: str) -> bytes | None:
    """The first field of that name with its folds and line end; None when there is none."""
    if len(section) <= _REMEMBERED:
        found = _by_name(section).get(_key(name))
        return found[0] if found else None
    match = _pattern(name).search(section)
    return match[0] if match else None


def value(section: bytes, name: str) -> bytes | None:
    """The unfolded, stripped body of the first field of that name; None when there is none."""
    raw = field(section, name)
    return None if raw is None else unfolded(raw)


def values(section: bytes, name: str) -> Iterator[bytes]:
    """The unfolded, stripped body of every field of that name."""
    return (unfolded(raw) for raw in fields(section, name))


def fields(section: bytes, name: str) -> Iterator[bytes]:
    """Every field of that name with its folds and line end."""
    if len(section) <= _REMEMBERED:
        return iter(_by_name(section).get(_key(name), ()))
    return (match[0] for match in _pattern(name).finditer(section))


def repeated(section: bytes) -> Iterator[bytes]:
    """The names, in lower case, of the fields that stand there more than once."""
    found = _by_name(section) if len(section) <= _REMEMBERED else _by_name.__wrapped__(section)
    return (name for name, same in found.items() if len(same) > 1)


def unfolded(raw: bytes) -> bytes:
    """The body of a whole field, unfolded and stripped."""
    body = raw.partition(b":")[2].strip()
    return _FOLD.sub(b"", body) if b"\n" in body else body


def without(section: bytes, name: str) -> bytes:
    """The section with no field of that name."""
    return _pattern(name).sub(b"", section)


def replaced(section: bytes, name: str, line: bytes) -> bytes:
    """The section with the first field of that name exchanged for `line` (which ends with CRLF)."""
    return _pattern(name).sub(lambda _: line, section, count=1)


def set_aside(section: bytes, name: str, *, under: str, behind: int = 0) -> bytes:
    """The section with every field of that name, but for the first `behind`, renamed to `under`."""
    seen = count(1)
    return _pattern(name).sub(lambda match: match[0] if next(seen) <= behind else renamed(match[0], under), section)


def renamed(raw: bytes, name: str) -> bytes:
    """A whole field under another name, its body untouched."""
    return name.encode() + b":" + raw.partition(b":")[2]


@lru_cache(maxsize=32)
def _by_name(section: bytes) -> Mapping[bytes, Sequence[bytes]]:
    """Every field with its folds and line end, by its name in lower case."""
    found: dict[bytes, tuple[bytes, ...]] = {}
    for raw, name in _FIELD.findall(section):
        if name:
            key = name.lower()
            found[key] = (*found[key], raw) if key in found else (raw,)
    return found


@lru_cache(maxsize=64)
def _key(name: str) -> bytes:
    return name.lower().encode()


@lru_cache(maxsize=64)
def _pattern(name: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?im)^" + re.escape(name.encode()) + rb"[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*")
