"""Where the body starts when the device put the empty line in the wrong place, or forgot it.

Like `relay.message.header.body_offset`, but:

1. The first boundary line of the message begins the body. So does a line that is no field, when no field of mail
   follows it before the empty line (as Postfix has it); otherwise it is a stray line in the header.
2. An empty line is a stray one when nothing but fields of mail follows it up to the next empty line, none of them is in
   the section above, the section above does not describe the body (Content-Type, Content-Transfer-Encoding), and those
   fields prove a header: MIME-Version or Content-Type, or From and Subject.

Both need evidence that no clean message gives: text of a body is never taken for a header because it has colons.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from relay.message.header import LIMIT, body_offset, field
from relay.message.mend_type import content_type

if TYPE_CHECKING:
    from collections.abc import Callable

_GARBLED = re.compile(rb"(?m)^(?![!-9;-~]{1,500}[ \t]*:|[ \t\r\n]|\Z)")
_NONE_GARBLED = re.compile(rb"(?:(?:[!-9;-~]{1,500}+[ \t]*+:|(?=[ \t\r\n]))[^\n]*+(?:\n|\Z))*+")  # sooner than a search
_NAME = re.compile(rb"(?m)^([!-9;-~]+)[ \t]*:")
_BLOCK = re.compile(rb"(?:[!-9;-~]+[ \t]*:[^\n]*\n(?:[ \t]+[^\s][^\n]*\n)*)+")
_OF_MAIL = re.compile(
    rb"(?i)(?:from|sender|to|cc|bcc|reply-to|subject|date|message-id|in-reply-to|references|mime-version|content-[a-z-]+|"
    rb"received|return-path|x-[!-9;-~]+|importance|priority|precedence|organization|user-agent|auto-submitted|list-[a-z-]+|"
    rb"errors-to|disposition-notification-to|return-receipt-to|thread-topic|thread-index|dkim-signature|lines|status)\Z"
)
_PROOFS = ({b"mime-version"}, {b"content-type"}, {b"from", b"subject"})
_DESCRIPTIONS = ("Content-Type", "Content-Transfer-Encoding")
_MOST_STRAYS = 4
_BOM = b"\xef\xbb\xbf"


def body_start(data: bytes, *, complete: bool) -> int | None:
    """Where the body starts; None while more octets are needed to tell. Raises `HeaderTooLarge`."""
    if not data.startswith(_BOM) or data.startswith(_BOM + b"\r\n"):
        return _behind_fields(data, complete=complete)
    start = _behind_fields(data[len(_BOM) :], complete=complete)
    return start and start + len(_BOM)


def _behind_fields(data: bytes, *, complete: bool) -> int | None:
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


def lost_its_indentation(section: bytes, start: int) -> bool:
    """Whether the line at `start`, which is no field, must be a fold: the line before ends with ";" or ","."""
    return section[max(0, start - 80) : start].rstrip().endswith((b";", b","))


def marked(section: bytes, mark: Callable[[int], bytes]) -> bytes:
    """The section with what `mark` says in front of each line that is neither field nor fold."""
    return _GARBLED.sub(lambda match: mark(match.start()), section)


def _forgotten_empty_line(head: bytes) -> int | None:
    boundary = _boundary_line(head)
    if boundary is not None:
        return boundary
    if _NONE_GARBLED.fullmatch(head):
        return None
    names = list(_NAME.finditer(head))
    first, last = names[0].start(), max((name.start() for name in names if _OF_MAIL.match(name[1])), default=0)
    starts = (match.start() for match in _GARBLED.finditer(head, max(first, last)))
    return next((start for start in starts if not lost_its_indentation(head, start)), None)


def _boundary_line(head: bytes) -> int | None:
    """Where the first part starts right behind the fields; a boundary may even look like a field."""
    boundary = content_type(head).boundary if b"\n--" in head else b""
    at = head.find(b"\r\n--" + boundary + b"\r\n") if boundary else -1
    return at + 2 if at >= 0 else None


def _more_header(data: bytes, start: int, *, complete: bool) -> int | None:
    """Octets of more header behind an empty line, with the next empty line; 0: none, None: not yet known."""
    above = data[:start]
    above = above[:-2] if above.endswith(b"\r\n\r\n") else above  # the same octets as the section later
    if any(field(above, name) is not None for name in _DESCRIPTIONS):
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
    return not _GARBLED.search(lines) and all(_OF_MAIL.match(name) for name in names)


def _proven(above: bytes, block: bytes) -> bool:
    known = {name.lower() for name in _NAME.findall(above)}
    names = [name.lower() for name in _NAME.findall(block)]
    fresh = all(_OF_MAIL.match(name) for name in names) and not known.intersection(names)
    return fresh and any(proof.issubset(names) for proof in _PROOFS)
