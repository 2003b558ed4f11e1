"""Bodies that Exchange refuses or damages: found while they stream, mended in a second reading.

`Watch` looks at every body and costs next to nothing. Only when it saw damage, the stored body is read twice more:
`plan_body` walks through its parts and decides, `Plan.mended` writes. So memory stays bounded, whatever the size, and a
clean message is never parsed as MIME. Parts that need nothing keep every octet; signed and encrypted ones always do.

A body is given as chunks cut anywhere, with CRLF line ends (`relay.message.content` sees to that).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.message.header import field
from relay.message.mend_encode import AsItIs, GapLines, Writer
from relay.message.mend_fold import LONGEST, has_long_line
from relay.message.mend_part import Content, Decision, decide
from relay.message.mend_walk import Piece, Walk
from relay.message.mend_words import WESTERN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MOST_PARTS = 10_000
_FRONT = 1 << 16
_JOINED = re.compile(rb'(?i)\nContent-[a-z-]{2,20}:[^\r\n]{0,400}[ \t";]Content-[a-z-]{2,20}:[ \t]')


class Watch:
    """Sees a body go by, chunk by chunk."""

    def __init__(self) -> None:
        self.eight_bit = False
        self._damaged = False
        self._in_line = 0
        self._front = _FRONT

    def see(self, chunk: bytes) -> None:
        """The next octets: usually whole lines."""
        self.eight_bit = self.eight_bit or not chunk.isascii()
        self._damaged = self._damaged or b"\0" in chunk or self._long(chunk) or has_long_line(chunk)
        if self._front > 0:
            self._front -= len(chunk)
            self._damaged = self._damaged or _has_joined_fields(chunk)

    @property
    def damaged(self) -> bool:
        """Whether the body needs a plan: octets beyond ASCII, NUL, a line over 998 octets, two fields on one line."""
        return self._damaged or self.eight_bit

    def _long(self, chunk: bytes) -> bool:
        """Whether a line begun in an earlier chunk becomes too long; its CR and LF don't count."""
        before, first = self._in_line, chunk.find(b"\n")
        if first < 0:
            self._in_line += len(chunk)
            return before > 0 and self._in_line > LONGEST + chunk.endswith(b"\r")
        self._in_line = len(chunk) - chunk.rfind(b"\n") - 1
        return before > 0 and before + first - 1 > LONGEST


def _has_joined_fields(chunk: bytes) -> bool:
    """Within its front; base64 has no colon, and one octet is searched for sooner than a pattern."""
    return chunk.find(b":", 0, _FRONT) >= 0 and _JOINED.search(chunk, 0, _FRONT) is not None


@dataclass(frozen=True)
class Plan:
    """What becomes of a damaged body.

    `section` is the message's new header section, `repairs` the names for the journal, `left` why damage was left as it
    was (signed, encoding-unknown, not-encodable, header-odd, gap, too-many-parts), `eight_bit` whether octets beyond
    ASCII are still in the body. With no repairs, the body stays as it is.
    """

    section: bytes
    repairs: tuple[str, ...]
    left: tuple[str, ...]
    eight_bit: bool
    _original: bytes
    _decisions: dict[int, Decision]

    def mended(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The new body, from the same octets that were planned for."""
        part, writer = 0, self._writer(0)
        for piece, data in Walk(self._original).pieces(chunks):
            if piece in (Piece.HEAD, Piece.ODD):
                part += 1
                writer = self._writer(part)
                decision = self._decisions.get(part)
                yield decision.head if decision else data
            elif piece is Piece.BODY:
                yield writer.feed(data)
            elif piece is Piece.MARK:
                yield writer.close(delimited=True) + data if data != b"\r\n" else data
                writer = writer if data == b"\r\n" else AsItIs()
            else:
                yield GapLines().feed(data)
        yield writer.close(delimited=False)

    def _writer(self, part: int) -> Writer:
        decision = self._decisions.get(part)
        return decision.writer() if decision else AsItIs()


def plan_body(section: bytes, chunks: Iterable[bytes], *, assumed: str = WESTERN) -> Plan:
    """Reads a damaged body behind a mended header section; never fails.

    `assumed` is the charset of text beyond ASCII that is not UTF-8 and has no label.
    """
    survey = _Survey(section, assumed)
    walk = Walk(section)
    for piece, data in walk.pieces(chunks):
        survey.see(piece, data, walk.default())
        if survey.part > _MOST_PARTS:
            return Plan(section, (), ("too-many-parts",), True, section, {})
    return survey.plan()


class _Survey:
    """Gathers, part by part, what a plan needs; of parts that need nothing it keeps nothing."""

    def __init__(self, section: bytes, assumed: str) -> None:
        self.part = 0
        self._section = section
        self._assumed = assumed
        self._in_part = True
        self._head: bytes | None = section
        self._default = "text/plain"
        self._content = Content()
        self._gap = Content()
        self._decisions: dict[int, Decision] = {}
        self._repairs: dict[str, None] = {}  # ordered, each once
        self._left: dict[str, None] = {}
        self._eight_bit = False

    def see(self, piece: Piece, data: bytes, default: str) -> None:
        if piece is Piece.BODY:
            self._content.see(data)
        elif piece is Piece.GAP:
            self._gap.see(data)
        elif piece is Piece.MARK:
            if data != b"\r\n":
                self._finished()
        else:
            self._finished()
            self.part += 1
            self._in_part = True
            self._head, self._default = (data if piece is Piece.HEAD else None), default

    def plan(self) -> Plan:
        self._finished()
        top = self._decisions.get(0)
        section = top.head if top else self._section
        if section != self._section and field(section, "MIME-Version") is None:
            section += b"MIME-Version: 1.0\r\n"
        if self._gap.nul or self._gap.long:
            self._repairs["gap-lines-cut"] = None
        if self._gap.eight_bit:
            self._left["gap"] = None
        eight_bit = self._eight_bit or self._gap.eight_bit
        return Plan(section, tuple(self._repairs), tuple(self._left), eight_bit, self._section, self._decisions)

    def _finished(self) -> None:
        """The part is over; its content, if any, is known. Between parts there is none."""
        if not self._in_part:
            return
        self._in_part = False
        decision = self._decided()
        if decision.repairs:
            self._decisions[self.part] = decision
        self._repairs |= dict.fromkeys(decision.repairs)
        self._left |= dict.fromkeys(decision.left)
        self._eight_bit = self._eight_bit or decision.eight_bit
        self._content = Content()

    def _decided(self) -> Decision:
        content = self._content
        if self._head is None:
            return Decision(b"", left=("header-odd",) * content.damaged, eight_bit=content.eight_bit)
        return decide(self._head, content, self._default, assumed=self._assumed)
