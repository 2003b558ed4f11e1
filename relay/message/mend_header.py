"""The header section made legal (RFC 5322 §2.2, §3.6; RFC 2047): each repair is one function, and the journal names it.

A clean section leaves as the very octets it came as, after a look that costs microseconds. Nothing is lost: what has no
place is kept under another name, but for NUL octets. Input has CRLF line ends (`relay.message.content` sees to that).
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from relay.message.header import repeated
from relay.message.mend_field import Unwritable, shortened, too_long, written
from relay.message.mend_fold import has_long_line, unfolded
from relay.message.mend_start import lost_its_indentation, marked
from relay.message.mend_type import content_type
from relay.message.mend_words import WESTERN, guessed

if TYPE_CHECKING:
    from collections.abc import Callable

_BOM = b"\xef\xbb\xbf"
_MAILBOX_LINE = re.compile(rb"\A>?From (?![ \t]*:)")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
_BLANK_FOLD = re.compile(rb"(?m)^[ \t]+\r\n")
_ORDERLY = re.compile(rb"(?![ \t])(?:(?:[!-9;-~]{1,500}+:|[ \t]++[!-~])[\t -~]*+(?:\r?\n|\Z))*+")
_BLANK_IN_NAME = re.compile(rb"(?m)^([!-9;-~]+)[ \t]+:")
_FIELD = re.compile(rb"[^\n]*\n(?:[ \t][^\n]*\n)*")
_NAMES = re.compile(rb"(?m)^([!-9;-~]+):")
_MIME_NAME = rb"(?:Content-(?:Type|Transfer-Encoding|Disposition|ID|Description)|MIME-Version):[ \t]"
_JOINED = re.compile(rb'(?i)(?<=[ \t";])' + _MIME_NAME)
_MIME_FIELD = re.compile(rb"(?i)" + _MIME_NAME)
_QUOTED = re.compile(rb'"(?:\\.|[^"\\\r\n])*"')
_SINGLE = frozenset(
    b"from sender reply-to to cc bcc message-id date subject in-reply-to references mime-version content-type "
    b"content-transfer-encoding content-disposition content-id".split()
)
_MOST_ROUNDS = 3  # one repair may uncover the next, such as an escape sequence between two fields
_MERGED = (b"to", b"cc")


def mend_header(head: bytes, *, has_body: bool = False, assumed: str = WESTERN) -> tuple[bytes, tuple[str, ...]]:
    """The legal section of a head (with or without its empty line), and the names of the repairs done.

    `has_body`: octets follow, so that a head without its empty line gets one. `assumed` is the charset of octets beyond
    ASCII that are not UTF-8 in a message that declares none.
    """
    section = _section_of(head)
    done = ["empty-line-added"] if has_body and head and not head.endswith(b"\r\n\r\n") and head != b"\r\n" else []
    for _ in range(_MOST_ROUNDS):
        if is_clean(section):
            break
        section, names = _mended_once(section, assumed)
        done += [name for name in names if name not in done]
    return section, tuple(done)


def is_clean(section: bytes) -> bool:
    """Whether no repair has anything to do. Asked for every message: the cheap questions first."""
    if _ORDERLY.fullmatch(section) is None or has_long_line(section):
        return False
    return _SINGLE.isdisjoint(repeated(section)) and not _has_joined_fields(section)


def _section_of(head: bytes) -> bytes:
    """The fields without the empty line behind them; what stands before the first is a repair of its own here."""
    fields = head[:-2] if head.endswith(b"\r\n\r\n") or head == b"\r\n" else head
    return fields if not fields or fields.endswith(b"\r\n") else fields + b"\r\n"


def _mended_once(section: bytes, assumed: str) -> tuple[bytes, list[str]]:
    done = []
    for name, repair in _REPAIRS:
        mended = repair(section)
        if mended != section:
            done.append(name)
        section = mended
    section, more = _fields_mended(section, assumed)
    return section, [*done, *more]


# -- the whole section


def _without_bom(section: bytes) -> bytes:
    return section.removeprefix(_BOM)


def _mailbox_line_renamed(section: bytes) -> bytes:
    """`From ` of the mbox format: in front of the fields it stops every parser."""
    return _MAILBOX_LINE.sub(b"X-Mailbox-Line: ", section)


def _without_control_octets(section: bytes) -> bytes:
    """NUL goes, others become a blank; escape sequences of ISO-2022-JP are text and are encoded later."""
    return _CONTROL.sub(lambda match: _instead(match[0]), section)


def _instead(octet: bytes) -> bytes:
    return b"" if octet == b"\0" else octet if octet == b"\x1b" else b" "


def _without_empty_lines(section: bytes) -> bytes:
    return re.sub(rb"(?m)^(?:\r\n)+", b"", section)


def _without_blank_folds(section: bytes) -> bytes:
    """A line of blanks alone looks like the end of the header to many."""
    return _BLANK_FOLD.sub(b"", section)


def _continuations_indented(section: bytes) -> bytes:
    """`Content-Type: multipart/mixed;` and its boundary at the start of the next line."""
    if not _NAMES.match(section):
        return section
    return marked(section, lambda start: b"\t" if lost_its_indentation(section, start) else b"")


def _garbled_lines_named(section: bytes) -> bytes:
    if section[:1] in (b" ", b"\t"):
        section = b"X-Garbled-Line:" + section
    return marked(section, lambda _: b"X-Garbled-Line: ")


def _names_closed(section: bytes) -> bytes:
    return _BLANK_IN_NAME.sub(rb"\1:", section)


def _joined_fields_split(section: bytes) -> bytes:
    """Two MIME fields on one line; only within fields of MIME, where no text can look like one."""
    return b"".join(_split(raw) if _MIME_FIELD.match(raw) else raw for raw in _FIELD.findall(section))


def _has_joined_fields(section: bytes) -> bool:
    lower = section.lower()
    in_place = lower.count(b"\ncontent-") + lower.startswith(b"content-")
    if lower.count(b"content-") == in_place and lower.count(b"mime-version:") < 2:
        return False
    return _joined_fields_split(section) != section


def _split(raw: bytes) -> bytes:
    hidden = _QUOTED.sub(lambda match: b"x" * (len(match[0]) - 1) + b'"', raw)
    edges = [0, *(match.start() for match in _JOINED.finditer(hidden)), len(raw)]
    return b"".join(raw[start:end].rstrip() + b"\r\n" for start, end in pairwise(edges))


_REPAIRS: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("bom-removed", _without_bom),
    ("mailbox-line-renamed", _mailbox_line_renamed),
    ("control-octets-removed", _without_control_octets),
    ("empty-line-removed", _without_empty_lines),
    ("blank-fold-removed", _without_blank_folds),
    ("continuation-indented", _continuations_indented),
    ("garbled-line-named", _garbled_lines_named),
    ("blank-in-name-removed", _names_closed),
    ("joined-fields-split", _joined_fields_split),
)


# -- field by field


def _fields_mended(section: bytes, assumed: str) -> tuple[bytes, tuple[str, ...]]:
    fields = _FIELD.findall(section)
    encoded = _encoded(fields, content_type(section).charset, assumed)
    merged = _recipients_merged(encoded)
    single = _duplicates_renamed(merged)
    short = [shortened(raw) if too_long(raw) else raw for raw in single]
    steps = (("header-encoded", fields, encoded), ("recipients-merged", encoded, merged),
             ("duplicate-field-renamed", merged, single), ("header-folded", single, short))  # fmt: skip
    return b"".join(short), tuple(name for name, before, after in steps if before != after)


def _encoded(fields: list[bytes], declared: str, assumed: str) -> list[bytes]:
    """Octets beyond ASCII, and escape sequences, as RFC 2047 and RFC 2231 want them."""
    fallback = guessed(b"".join(raw for raw in fields if not raw.isascii()), assumed)
    return [raw if raw.isascii() and b"\x1b" not in raw else _written(raw, declared, fallback) for raw in fields]


def _written(raw: bytes, declared: str, fallback: str) -> bytes:
    try:
        line = written(raw, declared, fallback)
    except Unwritable:
        line = written(b"X-Garbled-" + raw, declared, fallback)
    return line.replace(b"\x1b", b" ")


def _recipients_merged(fields: list[bytes]) -> list[bytes]:
    """Several To or Cc as one, which RFC 5322 §3.6 allows once."""
    fields = list(fields)
    for name in _MERGED:
        same = [number for number, raw in enumerate(fields) if unfolded(raw)[0].lower() == name]
        bodies = [fields[number].partition(b":")[2].strip(b", \t\r\n") for number in same]
        if len(same) > 1:
            lists = b",\r\n ".join(filter(None, bodies))
            fields[same[0]] = fields[same[0]].partition(b":")[0] + b": " + lists + b"\r\n"
            further = set(same[1:])
            fields = [raw for number, raw in enumerate(fields) if number not in further]
    return fields


def _duplicates_renamed(fields: list[bytes]) -> list[bytes]:
    """The first of each that may stand once stays, further ones become X-Duplicate-…"""
    seen: set[bytes] = set()
    out = []
    for raw in fields:
        name = raw.partition(b":")[0].lower()
        out.append(b"X-Duplicate-" + raw if name in seen else raw)
        seen |= {name} & _SINGLE
    return out
