"""The octets behind DATA: where they end, their dots undone, their line ends made CRLF (RFC 5321 §4.1.1.4, §4.5.2).

Rules, all in this file:

1. Only CRLF "." CRLF ends the data. A bare LF or CR never does, so one message can't become two (SMTP smuggling).
2. A bare LF, a bare CR and CR CR LF each become one CRLF: Exchange refuses them (550 5.6.11).
3. A leading dot is removed from a line that has more than the dot. A lone dot behind a bare line end stays.

The network reads straight into `buffer`; whole lines leave it as `bytes`. Octets are searched and counted by the
C code of `bytes`, and copied once.
"""

from __future__ import annotations

import re

_END = b"\r\n.\r\n"
_LINE_END = re.compile(rb"\r*\n|\r")
_STUFFED = re.compile(rb"\r\n\.(?!\r\n)")
_CONTEXT = 2  # octets of the line before that stay in front, so that a rule about line starts needs no second case
_LOOK_BACK = len(_END) - 1
_SMALL, _LARGE = 1 << 14, 1 << 17


class Content:
    """One message on its way in.

    Ask `space()` where to put octets, tell `filled(n)` how many came, take decoded octets with `take()`. When `filled`
    returns True the message is complete: `take()` gives the rest and `rest()` what the client sent behind the end.
    """

    def __init__(self, capacity: int = _SMALL, largest: int = _LARGE) -> None:
        """`capacity` octets to begin with, `largest` as soon as the message turns out not to fit."""
        self._largest = largest
        self._buffer = bytearray(capacity)
        self._view = memoryview(self._buffer)
        self._buffer[:_CONTEXT] = b"\r\n"  # the line end of the DATA command itself
        self._fill = _CONTEXT
        self._end = -1
        self.repaired_line_ends = 0

    def space(self) -> memoryview:
        """Where the next octets go; never empty as long as `take()` is called when `full` says so."""
        return self._view[self._fill :]

    @property
    def full(self) -> bool:
        """Time to `take()`: less than an eighth of the buffer is left."""
        return self._fill > len(self._buffer) - (len(self._buffer) >> 3)

    @property
    def complete(self) -> bool:
        return self._end >= 0

    def filled(self, count: int) -> bool:
        """`count` more octets are in `space()`. True when the end mark has come."""
        start = max(0, self._fill - _LOOK_BACK)
        self._fill += count
        # One octet is searched ten times faster than five, and base64 has no dot at all.
        if self._buffer.find(b".", start, self._fill) >= 0:
            self._end = self._buffer.find(_END, start, self._fill)
        return self.complete

    def put(self, data: bytes) -> bytes:
        """Copies octets that came another way; returns what did not fit any more or stands behind the end."""
        space = self.space()
        part = data[: len(space)]
        space[: len(part)] = part
        self.filled(len(part))
        return data[len(part) :]

    def take(self) -> bytes:
        """The decoded octets so far: whole lines, or a piece of a line longer than the buffer."""
        cut = self._end + 2 if self.complete else self._cut()
        raw = bytes(self._view[_CONTEXT:cut])
        at_line_start = self._buffer[_CONTEXT - 1] == 0x0A
        if not self.complete:
            self._keep_from(cut)
        return self._without_dots(self._normal(raw), at_line_start=at_line_start)

    def rest(self) -> bytes:
        """What stands behind the end mark: the client's next commands."""
        return bytes(self._view[self._end + len(_END) : self._fill])

    def _cut(self) -> int:
        """Behind the last line end; in a line that fills the buffer, anywhere but between CR and LF."""
        newline = self._buffer.rfind(b"\n", _CONTEXT, self._fill)
        if newline >= 0:
            return newline + 1
        cut = self._fill
        while cut > _CONTEXT and self._buffer[cut - 1] == 0x0D:
            cut -= 1
        return cut if cut > _CONTEXT else self._fill

    def _keep_from(self, cut: int) -> None:
        """Moves the last octets before the cut, and what stands behind it, to the front of the buffer."""
        start = cut - _CONTEXT
        left = self._fill - start
        kept = self._buffer[start : self._fill]
        if len(self._buffer) < self._largest:
            self._buffer = bytearray(self._largest)
            self._view = memoryview(self._buffer)
        self._buffer[:left] = kept
        self._fill = left

    def _normal(self, raw: bytes) -> bytes:
        """Every line end a CRLF."""
        lines = raw.count(b"\n")
        if lines == raw.count(b"\r") and (_uniform(raw, lines) or lines == raw.count(b"\r\n")):
            return raw
        pairs = raw.count(b"\r\n")
        normal, count = _LINE_END.subn(b"\r\n", raw)
        self.repaired_line_ends += count - pairs + raw.count(b"\r\r\n")
        return normal

    @staticmethod
    def _without_dots(raw: bytes, *, at_line_start: bool) -> bytes:
        """Stuffed dots undone. One octet is searched ten times faster than two, and base64 has no dot at all."""
        if b"." not in raw:
            return raw
        if at_line_start and raw.startswith(b".") and not raw.startswith(b".\r\n"):
            raw = raw[1:]
        return _STUFFED.sub(b"\r\n", raw) if b"\n." in raw else raw


def _uniform(raw: bytes, lines: int) -> bool:
    """Whether all lines are as long as the first, as in base64: seen from two octets a line, not from all of them."""
    first = raw.find(b"\r\n")
    length = first + 2
    return first >= 0 and raw[first::length] == b"\r" * lines and raw[first + 1 :: length] == b"\n" * lines
