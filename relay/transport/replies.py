"""Replies out of bytes (RFC 5321 §4.2), without a socket: feed what arrived, take what is complete."""

from __future__ import annotations

import re
from functools import lru_cache

from relay.message.reply import Reply, parse_reply

MAX_LINE = 8192
MAX_LINES = 200

_LINE = re.compile(r"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)


class GarbledReplyError(ValueError):
    """What arrived is not an SMTP reply; the message quotes it."""


class ReplyParser:
    """Holds what is incomplete, never more than one reply of `MAX_LINES` lines of `MAX_LINE` octets."""

    def __init__(self) -> None:
        self._rest = b""
        self._code = ""
        self._texts: list[str] = []

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that are complete now. Raises `GarbledReplyError`; the parser is of no use after that."""
        lines = (self._rest + data).split(b"\n") if self._rest else data.split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > MAX_LINE:
            raise GarbledReplyError(f"a line without an end: {self._rest[:80]!r}")
        return [reply for line in lines if (reply := self._line(line)) is not None]

    def _line(self, line: bytes) -> Reply | None:
        if not self._texts and line[3:4] == b" ":
            return _one_line(line)
        code, separator, text = _parts(line)
        self._continue(code, text, line)
        return None if separator == "-" else self._complete()

    def _continue(self, code: str, text: str, line: bytes) -> None:
        if self._texts and code != self._code:
            raise GarbledReplyError(f"a reply {self._code} goes on with {line[:80]!r}")
        if len(self._texts) >= MAX_LINES:
            raise GarbledReplyError(f"a reply {code} of more than {MAX_LINES} lines")
        self._code = code
        self._texts.append(text)

    def _complete(self) -> Reply:
        texts, self._texts = self._texts, []
        return parse_reply(int(self._code), texts)


@lru_cache(maxsize=64)  # a server takes every sender and recipient in the same words
def _one_line(line: bytes) -> Reply:
    code, _, text = _parts(line)
    return parse_reply(int(code), [text])


def _parts(line: bytes) -> tuple[str, str, str]:
    match = _LINE.fullmatch(line.rstrip(b"\r").decode("utf-8", "replace"))
    if match is None or len(line) > MAX_LINE:
        raise GarbledReplyError(f"not an SMTP reply: {line[:80]!r}")
    code, separator, text = match.groups()
    return code, separator, text or ""
