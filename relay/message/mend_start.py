"""Where the body starts when the device put the empty line in the wrong place, or forgot it.

Like `relay.message.header.body_offset`, but:

1. A boundary line of the message begins the body. A line among the fields that is no field begins the body when no field of mail follows it before the empty line
   (as Postfix does); otherwise it is a stray line in the header.
2. An empty line is a stray one when nothing but fields of mail follows it up to the next empty line, none of them is in
   the section above, the section above does not say what the body is (Content-Type), and those fields prove a header:
   MIME-Version or Content-Type, or From and Subject.

Both need evidence that no clean message gives: text of a body is never taken for a header because it has colons.
"""

from __future__ import annotations

import re

from relay.message.header import LIMIT, body_offset, field
from relay.message.mend_type import content_type

_GARBLED = re.compile(rb"(?m)^(?![!-9;-~]+[ \t]*:|[ \t\r\n]|\Z)")
_NAME = re.compile(rb"(?m)^([!-9;-~]+)[ \t]*:")
_BLOCK = re.compile(rb"(?:[!-9;-~]+[ \t]*:[^\n]*\n(?:[ \t]+[^\s][^\n]*\n)*)+")
_CONTINUED = re.compile(rb"[;,][ \t]*\r\n\Z")
_OF_MAIL = re.compile(
    rb"(?i)(?:from|sender|to|cc|bcc|reply-to|subject|date|message-id|in-reply-to|references|mime-version|content-[a-z-]+|"
    rb"received|return-path|x-[!-9;-~]+|importance|priority|precedence|organization|user-agent|auto-submitted|list-[a-z-]+|"
    rb"errors-to|disposition-notification-to|return-receipt-to|thread-topic|thread-index|dkim-signature|lines|status)\Z"
)
_PROOFS = ({b"mime-version"}, {b"content-type"}, {b"from", b"subject"})
_MOST_STRAYS = 4


def body_start(data: bytes, *, complete: bool) -> int | None:
    """Where the body starts; None while more octets are needed to tell. Raises `HeaderTooLarge`."""
    offset = body_offset(data, complete=complete)
    if not offset:
        return offset
    forgotten = _forgotten_empty_line(data[:offset])
    if forgotten is not None:
        return forgotten
    for _ in range(_MOST_STRAYS):
        length = _more_header(data, offset, complete=complete)
        if not length:
            return length if length is None else offset
        offset += length
    return offset


def is_continuation(before: bytes) -> bool:
    """Whether a field ends so that the next line, if it is no field, must be its fold that lost its indentation."""
    return bool(_CONTINUED.search(before))


def garbled_lines(section: bytes) -> list[int]:
    """Where the lines start that are neither field nor fold."""
    return [match.start() for match in _GARBLED.finditer(section)]


def _forgotten_empty_line(head: bytes) -> int | None:
    boundary = _boundary_line(head)
    if boundary is not None:
        return boundary
    for start in garbled_lines(head):
        above, below = head[:start], head[start:]
        if _NAME.search(above) and not is_continuation(above) and not _names_of_mail(below):
            return start
    return None


def _boundary_line(head: bytes) -> int | None:
    """Where the first part starts right behind the fields; a boundary may even look like a field."""
    boundary = content_type(head).boundary if b"\n--" in head else b""
    at = head.find(b"\r\n--" + boundary + b"\r\n") if boundary else -1
    return at + 2 if at >= 0 else None


def _names_of_mail(text: bytes) -> bool:
    return any(_OF_MAIL.match(name) for name in _NAME.findall(text))


def _more_header(data: bytes, start: int, *, complete: bool) -> int | None:
    """Octets of more header behind an empty line, with the next empty line; 0: none, None: not yet known."""
    above = data[:start]
    if field(above, "Content-Type") is not None:
        return 0
    end = data.find(b"\r\n\r\n", start, start + LIMIT)
    block = data[start : end + 2] if end >= 0 else data[start : start + LIMIT]
    if end < 0:
        return None if not complete and len(block) < LIMIT and _may_be_header(block) else 0
    return end + 4 - start if _BLOCK.fullmatch(block) and _proven(above, block) else 0


def _may_be_header(block: bytes) -> bool:
    """Whether an unfinished block can still become a header: its whole lines are fields of mail."""
    lines = block[: block.rfind(b"\n") + 1]
    names = _NAME.findall(lines)
    return not garbled_lines(lines) and all(_OF_MAIL.match(name) for name in names)


def _proven(above: bytes, block: bytes) -> bool:
    known = {name.lower() for name in _NAME.findall(above)}
    names = [name.lower() for name in _NAME.findall(block)]
    fresh = all(_OF_MAIL.match(name) for name in names) and not known.intersection(names)
    return fresh and any(proof.issubset(names) for proof in _PROOFS)
