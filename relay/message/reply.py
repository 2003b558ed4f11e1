"""One SMTP reply (RFC 5321 §4.2, enhanced codes RFC 3463): made by us for devices, parsed from Exchange."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_ENHANCED = re.compile(r"^([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")


@dataclass(frozen=True, slots=True)
class Reply:
    """Three digits, an enhanced status code (may be empty), and the text, its lines joined by newlines."""

    code: int
    enhanced: str
    text: str
    _wire: bytes = field(default=b"", init=False, repr=False, compare=False)

    @property
    def positive(self) -> bool:
        return 200 <= self.code < 400

    @property
    def transient(self) -> bool:
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        return self.code >= 500

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.code), self.enhanced, self.text.replace("\n", " "))))

    def encode(self) -> bytes:
        """The reply as it goes on the wire: every line in one piece, because small devices read only one segment."""
        if not self._wire:  # most replies are the same few
            object.__setattr__(self, "_wire", self._encoded())
        return self._wire

    def _encoded(self) -> bytes:
        lines = self.text.split("\n")
        status = f"{self.enhanced} " if self.enhanced else ""
        head = "".join(f"{self.code}-{status}{line}\r\n" for line in lines[:-1])
        return f"{head}{self.code} {status}{lines[-1]}\r\n".encode("ascii", "replace")


def parse_reply(code: int, lines: Iterable[str]) -> Reply:
    """A reply as it came: the enhanced code is taken off each line that repeats it."""
    enhanced = ""
    texts = []
    for line in lines:
        match = _ENHANCED.match(line)
        if match:
            enhanced = enhanced or match[1]
            line = line[match.end() :]
        texts.append(line)
    return Reply(code, enhanced, "\n".join(texts))
