"""What one part of a damaged message needs: judged from its header and from what was seen of its content."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from relay.message.mend_encode import AsItIs, Base64, Base64Lines, QuotedPrintable, QuotedPrintableLines
from relay.message.mend_fold import has_long_line
from relay.message.mend_header import is_clean, mend_header
from relay.message.mend_type import IDENTITY, ContentType, content_type, encoding, with_charset, with_encoding
from relay.message.mend_words import decodes, guessed, known

_HIGH = bytes(range(128, 256))
_SAMPLE = 1 << 16
_PGP = b"-----BEGIN PGP "
_UNLABELLED = frozenset(("", "us-ascii", "ascii", "unknown-8bit", "x-unknown", "unknown", "default"))
_META = re.compile(rb"(?i)charset\s*=\s*[\"']?([a-z0-9_-]{3,20})")


@dataclass(slots=True)
class Content:
    """What was seen of the content of one part."""

    size: int = 0
    high: int = 0  # octets that quoted-printable has to escape: beyond ASCII, NUL
    eight_bit: bool = False
    nul: bool = False
    long: bool = False
    pgp: bool = False
    start: bytes = b""
    sample: bytes = b""

    def see(self, data: bytes) -> None:
        """The next octets, whole lines or a piece of a very long one."""
        self.start = self.start or data[:4096]
        self.size += len(data)
        self.long = self.long or has_long_line(data)
        self.pgp = self.pgp or _PGP in data
        if b"\0" in data:
            self.nul = True
            self.high += data.count(b"\0")
        if not data.isascii():
            self.eight_bit = True
            self.high += len(data) - len(data.translate(None, _HIGH))
            self.sample = (self.sample + data)[:_SAMPLE] if len(self.sample) < _SAMPLE else self.sample

    @property
    def damaged(self) -> bool:
        return self.eight_bit or self.nul or self.long


@dataclass(frozen=True, slots=True)
class Decision:
    """The new header of a part, who writes its content, what that repairs, and why damage was left if it was."""

    head: bytes
    writer: type[AsItIs | Base64 | Base64Lines | QuotedPrintableLines] = AsItIs
    repairs: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    eight_bit: bool = field(default=False)


def decide(head: bytes, content: Content, default: str, *, assumed: str) -> Decision:
    """What becomes of a part with that header; `default` is its type where it names none."""
    if content_type(head, default).sealed:
        return Decision(head, left=("signed",) * content.damaged, eight_bit=content.eight_bit or not head.isascii())
    section, repairs = (head, ()) if is_clean(head) else mend_header(head, assumed=assumed)
    repairs = tuple(f"part-{name}" for name in repairs)
    if not content.damaged:
        return Decision(section, repairs=repairs)
    kind = content_type(section, default)
    reason = _untouchable(kind, content, encoding(section))
    if reason:
        return Decision(section, repairs=repairs, left=(reason,), eight_bit=content.eight_bit)
    section, writer, more = _mended(section, kind, content, assumed)
    return Decision(section, writer, repairs + more)


def _untouchable(kind: ContentType, content: Content, declared: str) -> str:
    if content.pgp:
        return "signed"
    if declared not in IDENTITY | {"base64", "quoted-printable"}:
        return "encoding-unknown"
    # RFC 2046 §5.2, RFC 2045 §6.4: such content may not be encoded at all
    return "not-encodable" if kind.main in ("multipart", "message") else ""


def _mended(
    section: bytes, kind: ContentType, content: Content, assumed: str
) -> tuple[bytes, type[AsItIs | Base64 | Base64Lines | QuotedPrintableLines], tuple[str, ...]]:
    declared = encoding(section)
    if declared == "base64":
        return section, Base64Lines, ("base64-wrapped",)
    if declared == "quoted-printable":
        return section, QuotedPrintableLines, ("quoted-printable-repaired",)
    names = tuple(name for name, seen in (
        ("eight-bit-encoded", content.eight_bit), ("nul-encoded", content.nul), ("long-lines-encoded", content.long),
    ) if seen)  # fmt: skip
    if kind.main != "text":
        return with_encoding(section, "base64"), Base64, names
    label = _label(kind, content, assumed)
    if label:
        section, names = with_charset(section, label), (*names, "charset-labelled")
    if kind.charset.startswith(("utf-16", "utf-32")) or content.high * 6 > content.size:
        return with_encoding(section, "base64"), Base64, names
    return with_encoding(section, "quoted-printable"), QuotedPrintable, names


def _label(kind: ContentType, content: Content, assumed: str) -> str:
    """The charset a text needs in its header; empty when it has one that may be right."""
    if not content.eight_bit:
        return ""
    sample = re.sub(rb"[\x80-\xff]+\Z", b"", content.sample) or content.sample
    if kind.charset not in _UNLABELLED and not _mislabelled(sample, kind.charset):
        return ""
    said = _META.search(content.start) if kind.sub == "html" else None
    meta = said[1].decode().lower() if said else ""
    return meta if meta and decodes(sample, meta) else guessed(sample, assumed)


def _mislabelled(sample: bytes, charset: str) -> bool:
    """Whether the declared charset is certainly wrong: not one character beyond ASCII is valid, or only UTF-8 is."""
    if charset in ("utf-8", "utf8"):
        return sample.decode("utf-8", "ignore").isascii()
    return known(charset) and not decodes(sample, charset) and decodes(sample, "utf-8")
