"""A message body cut into its parts while it streams (RFC 2046 §5.1): no octet is changed, lost or kept for long.

| piece | octets |
|---|---|
| HEAD | the header section of a part, without its empty line; also that of an attached message |
| BODY | content of the part whose HEAD came last: whole lines, or a piece of a very long one |
| MARK | a boundary line, or the empty line behind a HEAD |
| GAP | what no client shows: before the first boundary of a multipart and behind its last |

| ODD | nothing: in place of a HEAD, where the header of a part has no legal end; all of that part is BODY |

All pieces together are the body. A part that is signed or encrypted is one BODY, whatever is in it.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from relay.message.mend_type import IDENTITY, content_type, encoding

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

_LONGEST_LINE = 1 << 16
_LONGEST_HEAD = 1 << 16
_DEEPEST = 30
_HEADER_LINE = re.compile(rb"[!-9;-~]+[ \t]*:|[ \t]")


class Piece(Enum):
    """What a stretch of octets is."""

    HEAD = "head"
    BODY = "body"
    MARK = "mark"
    GAP = "gap"
    ODD = "odd"


class Walk:
    """One walk over the body behind a header section."""

    def __init__(self, section: bytes) -> None:
        self._open: list[tuple[bytes, str]] = []  # boundary and default type of each multipart around
        self._lines: dict[bytes, int] = {}  # boundary lines, and which of those multiparts each belongs to
        self._head: bytes | None = None  # the header of a part, while it comes
        self._attached = True  # that header is of a message, not of a part
        self._in_line = False
        self._kind = self._entered(section)

    def pieces(self, chunks: Iterable[bytes]) -> Iterator[tuple[Piece, bytes]]:
        """The pieces in their order; the octets come in chunks cut anywhere."""
        for block in _blocks(chunks):
            at = 0
            while at < len(block):
                at = yield from self._step(block, at)
            self._in_line = not block.endswith(b"\n")
        if self._head is not None:
            yield from self._broken_off()

    def default(self) -> str:
        """The type of a part that names none (RFC 2046 §5.1.5)."""
        return self._open[-1][1] if self._open and not self._attached else "text/plain"

    def _step(self, block: bytes, at: int) -> Generator[tuple[Piece, bytes], None, int]:
        """One line of a header, or content up to the next boundary with that boundary."""
        if self._head is not None:
            return (yield from self._header_line(block, at))
        start, end = self._boundary(block, at)
        if start > at:
            yield self._kind, block[at:start]
        if end > start:
            yield Piece.MARK, block[start:end]
            self._crossed(block[start:end].rstrip())
        return end

    def _header_line(self, block: bytes, at: int) -> Generator[tuple[Piece, bytes], None, int]:
        assert self._head is not None
        end = block.find(b"\n", at) + 1 or len(block)
        line, head = block[at:end], self._head
        if line == b"\r\n":
            yield Piece.HEAD, head
            yield Piece.MARK, line
            self._kind = self._entered(head)
        elif _HEADER_LINE.match(line) and len(head) < _LONGEST_HEAD and self._level(line.rstrip()) is None:
            self._head = head + line
        else:
            yield from self._broken_off()
            return at
        return end

    def _broken_off(self) -> Iterator[tuple[Piece, bytes]]:
        head, self._head = self._head, None
        self._kind = Piece.BODY
        yield Piece.ODD, b""
        if head:
            yield Piece.BODY, head

    def _entered(self, section: bytes) -> Piece:
        """Behind a header: what comes now."""
        kind = content_type(section, self.default())
        self._head, self._attached = None, False
        if kind.sealed or len(self._open) >= _DEEPEST:
            return Piece.BODY
        if kind.main == "multipart" and kind.boundary:
            inside = "message/rfc822" if kind.sub == "digest" else "text/plain"
            self._surrounded_by([*self._open, (kind.boundary, inside)])
            return Piece.GAP
        if (kind.main, kind.sub) == ("message", "rfc822") and encoding(section) in IDENTITY:
            self._head, self._attached = b"", True
        return Piece.BODY

    def _boundary(self, block: bytes, at: int) -> tuple[int, int]:
        """Start and end of the next boundary line; both the end of the block when there is none."""
        start = at if block.startswith(b"--", at) and not (self._in_line and at == 0) else -1
        if start < 0 and self._open:
            start = block.find(b"\n--", at) + 1 or -1
        while self._open and start >= 0:
            end = block.find(b"\n", start) + 1 or len(block)
            if self._level(block[start:end].rstrip()) is not None:
                return start, end
            start = block.find(b"\n--", end - 1) + 1 or -1
        return len(block), len(block)

    def _level(self, line: bytes) -> int | None:
        """Which of the multiparts around a line belongs to."""
        return self._lines.get(line)

    def _crossed(self, line: bytes) -> None:
        level = self._level(line)
        assert level is not None
        if line == b"--" + self._open[level][0]:
            self._surrounded_by(self._open[: level + 1])
            self._head, self._attached = b"", False
        else:
            self._surrounded_by(self._open[:level])
            self._kind = Piece.GAP

    def _surrounded_by(self, multiparts: list[tuple[bytes, str]]) -> None:
        self._open = multiparts
        levels = [(b"--" + boundary, level) for level, (boundary, _) in enumerate(multiparts)]
        self._lines = {line + end: level for line, level in levels for end in (b"", b"--")}


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines; of a very long line, pieces that never end between CR and LF."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) > _LONGEST_LINE:
            cut = len(data) - data.endswith(b"\r")
        if cut:
            yield data[:cut]
        rest = data[cut:]
    if rest:
        yield rest
