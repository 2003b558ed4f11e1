"""Text beyond ASCII in header fields: which charset it is in, and how it is written legally (RFC 2047, RFC 2231).

Everything is written as UTF-8, whatever it came in: every client of this century reads it.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from urllib.parse import quote

WESTERN = "windows-1252"
_ENCODED_WORD = re.compile(r"=\?[!->@-~]+\?[bBqQ]\?[!->@-~]*\?=")
_WORD_LIMIT = 60  # RFC 2047 §2 allows 75; a line shall not pass 76 with its field name
_SINGLE_BYTE = re.compile(
    r"(?:iso-?8859-\d+|windows-125\d|cp125\d|us-ascii|ascii|latin-?1|koi8-[ru]|macintosh)\Z", re.IGNORECASE
)
_MULTI_BYTE = re.compile(
    r"(?:utf-?(?:8|16|32)(?:-?[bl]e)?|gb2312|gbk|gb18030|big5(?:-hkscs)?|euc-(?:jp|kr|cn)|iso-2022-(?:jp|kr)|ks_c_5601-1987|"
    r"shift[_-]jis|cp932|windows-31j|cp949|cp950|tis-620|windows-874|cp\d{3})\Z",
    re.IGNORECASE,
)
_ALIASES = {"iso-8859-1": "cp1252", "latin-1": "cp1252", "latin1": "cp1252", "windows-1252": "cp1252",
            "shift_jis": "cp932", "shift-jis": "cp932", "windows-31j": "cp932", "euc-cn": "gb2312",
            "windows-874": "cp874", "macintosh": "mac-roman"}  # fmt: skip
_KANA = re.compile(rb"\x82[\x9f-\xf1]|\x83[\x40-\x7e\x80-\x96]")
_KANJI = re.compile(rb"[\x88-\x9f][\x40-\x7e\x80-\xfc]")


def guessed(sample: bytes, assumed: str = WESTERN) -> str:
    """The charset of octets that nobody labelled: UTF-8 where valid, Shift_JIS where it looks so, else `assumed`."""
    if decodes(sample, "utf-8"):
        return "utf-8"
    japanese = decodes(sample, "cp932") and (_KANA.search(sample) or len(_KANJI.findall(sample)) > 1)
    return "shift_jis" if japanese else assumed


def decoded(raw: bytes, declared: str, fallback: str) -> str:
    """The text of a raw header value, by the charset the message declares, by UTF-8 or by the fallback; never fails.

    Valid UTF-8 is believed against a declared single-byte charset, which fits any octets whatever.
    """
    if raw.isascii():
        return _escapes(raw)
    order = ["utf-8", declared] if not declared or _SINGLE_BYTE.match(declared) else [declared, "utf-8"]
    for charset in (*order, fallback):
        if decodes(raw, charset):
            return raw.decode(_codec(charset))
    return raw.decode("latin-1")


def decodes(raw: bytes, charset: str) -> bool:
    """Whether the octets are valid in a charset that mail knows; an unknown one is never valid."""
    if not known(charset):
        return False
    try:
        raw.decode(_codec(charset))
    except (UnicodeError, LookupError):
        return False
    return True


def known(charset: str) -> bool:
    """Whether it is a charset of mail, not another codec that happens to have a name."""
    return bool(_SINGLE_BYTE.match(charset) or _MULTI_BYTE.match(charset))


def _codec(charset: str) -> str:
    return _ALIASES.get(charset.lower(), charset)


def _escapes(raw: bytes) -> str:
    """ISO-2022-JP is ASCII octets with escape sequences: it looks clean and is not."""
    if b"\x1b" in raw and decodes(raw, "iso-2022-jp"):
        return raw.decode("iso-2022-jp")
    return raw.decode("ascii")


def encoded_words(text: str) -> str:
    """The text as encoded words, separated by spaces; no character is cut in two (RFC 2047 §5)."""
    octets = text.encode("utf-8", "replace")
    letters = sum(character.isascii() for character in text)
    write, limit = (_q, _WORD_LIMIT - 12) if letters * 2 > len(octets) else (_b, (_WORD_LIMIT - 12) // 4 * 3)
    words, piece, size = [], "", 0
    for character in text:
        width = _q_width(character) if write is _q else len(character.encode("utf-8", "replace"))
        if size + width > limit:
            words.append(write(piece))
            piece, size = "", 0
        piece += character
        size += width
    return " ".join([*words, write(piece)])


def _q_width(character: str) -> int:
    return 1 if _Q_PLAIN.match(character) or character == " " else 3 * len(character.encode("utf-8", "replace"))


def _q(text: str) -> str:
    return "=?utf-8?q?" + "".join(_q_octet(octet) for octet in text.encode("utf-8", "replace")) + "?="


_Q_PLAIN = re.compile(r"[A-Za-z0-9!*+/-]")  # what is allowed everywhere, in a phrase too (RFC 2047 §5 (3))


def _q_octet(octet: int) -> str:
    return "_" if octet == 0x20 else chr(octet) if _Q_PLAIN.match(chr(octet)) else f"={octet:02X}"


def _b(text: str) -> str:
    return "=?utf-8?b?" + b2a_base64(text.encode("utf-8", "replace"), newline=False).decode() + "?="


def between_words(text: str, *, whole: bool = False, longest: int = 900) -> str:
    """The text with its words beyond ASCII, or longer than `longest`, as encoded words; those that are there stay.

    `whole`: all of it but the encoded words, for a phrase that was a quoted string and may hold anything.
    """
    kept = [match for match in _ENCODED_WORD.finditer(text) if len(match[0]) <= longest]
    edges = [0, *(edge for match in kept for edge in match.span()), len(text)]
    out = []
    for number in range(len(kept) + 1):
        stretch = text[edges[2 * number] : edges[2 * number + 1]]
        words = [m for m in re.finditer(r"[^ \t]+", stretch) if whole or not m[0].isascii() or len(m[0]) > longest]
        if words:
            span = words[0].start(), words[-1].end()
            stretch = _encoded_stretch(stretch, span, behind=number > 0, ahead=number < len(kept))
        out += [stretch, *(match[0] for match in kept[number : number + 1])]
    return "".join(out)


def _encoded_stretch(text: str, span: tuple[int, int], *, behind: bool, ahead: bool) -> str:
    """What lies between encoded words; blanks between two of them would vanish, so they go inside."""
    start, end = span
    lead, tail = text[:start], text[end:]
    if behind and not lead.strip():
        start, lead = 0, " "
    if ahead and not tail.strip():
        end, tail = len(text), " "
    return lead + encoded_words(text[start:end]) + tail


def parameter(name: str, text: str) -> list[str]:
    """A parameter as RFC 2231 writes it, in pieces that fit on a line."""
    octets = quote(text.encode("utf-8", "replace"), safe="")
    pieces = re.findall(r"(?:%..|[^%]){1,54}", octets) or [""]
    if len(pieces) == 1:
        return [f"{name}*=utf-8''{octets}"]
    pieces[0] = "utf-8''" + pieces[0]
    return [f"{name}*{number}*={piece}" for number, piece in enumerate(pieces)]
