"""Header fields on lines that are short enough: RFC 5322 §2.1.1 allows 998 octets and wishes 78."""

from __future__ import annotations

import re

LONGEST = 998
_WIDTH = 76
_PIECE = re.compile(rb"[ \t]*[^ \t]+")
_FOLD = re.compile(rb"\r\n(?=[ \t])")


def has_long_line(data: bytes) -> bool:
    """Whether a line passes 998 octets; hops from line end to line end, so that clean data costs next to nothing."""
    at, end = 0, len(data)
    while end - at > LONGEST:
        newline = data.rfind(b"\n", at, at + LONGEST + 2)
        if newline < 0:
            return end - at > LONGEST + data.endswith(b"\r")
        at = newline + 1
    return False


def unfolded(raw: bytes) -> tuple[bytes, bytes]:
    """Name and body of a field, the body on one line."""
    name, _, body = raw.removesuffix(b"\r\n").partition(b":")
    return name.rstrip(b" \t"), _FOLD.sub(b"", body)


def folded(name: bytes, body: bytes) -> bytes:
    """A field, folded where its body has blanks. A piece that no line can hold is cut, which adds a blank to it."""
    lines, line = [], name + b":"
    for piece in _pieces(body):
        full = len(line) + len(piece) > (_WIDTH if len(line) > len(name) + 1 else LONGEST)
        if full and piece[:1] in b" \t":
            lines.append(line)
            line = piece
        else:
            line += piece
    return b"".join(line + b"\r\n" for line in [*lines, line])


def _pieces(body: bytes) -> list[bytes]:
    """The words with the blanks before them. Blanks by the hundred become one: a line of blanks alone is not legal."""
    found = _PIECE.findall(re.sub(rb"[ \t]{100,}", b" ", body))
    if all(len(piece) < _CUT for piece in found):
        return found
    return [b" " + part if number else part for piece in found for number, part in enumerate(_cut(piece))]


_CUT = 900


def _cut(piece: bytes) -> list[bytes]:
    return [piece[at : at + _CUT] for at in range(0, len(piece), _CUT)]
