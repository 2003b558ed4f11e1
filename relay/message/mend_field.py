"""One header field made legal: octets beyond ASCII written as its kind of body allows, its lines short enough.

| kind | fields | beyond ASCII |
|---|---|---|
| addresses | From, To, … | display names and comments as encoded words; a domain as IDNA |
| parameters | Content-Type, Content-Disposition | RFC 2231; `name` of Content-Type as encoded words, as Outlook does |
| structured | Date, Message-ID, Received, … | comments as encoded words; else "?" |
| text | all others | encoded words |

An address whose local part is not ASCII can't be written for Exchange at all: the field is kept under another name.
"""

from __future__ import annotations

import re

from relay.message.mend_fold import folded, has_long_line, unfolded
from relay.message.mend_words import between_words, decoded, encoded_words, parameter

_ADDRESSES = frozenset(
    b"from sender reply-to to cc bcc resent-from resent-sender resent-to resent-cc resent-bcc resent-reply-to "
    b"errors-to disposition-notification-to return-receipt-to x-original-from".split()
)
_PARAMETERS = frozenset((b"content-type", b"content-disposition"))
_STRUCTURED = frozenset(
    b"date resent-date message-id resent-message-id in-reply-to references received return-path mime-version "
    b"content-transfer-encoding content-id auto-submitted".split()
)
# An unfinished quote or comment is taken to its end, so that no input is searched twice.
_MAILBOX = re.compile(
    r"""(?P<quoted>"(?:\\.|[^"\\])*"?)|(?P<comment>\((?:\\.|[^()\\])*\)?)|(?P<angle><[^<>]*>?)|(?P<end>[,;])|(?P<group>:)"""
    r"""|(?P<other>[^"(<,;:]+|.)""",
    re.DOTALL,
)
_COMMENT = re.compile(r"\((?:\\.|[^()\\])*\)?")
_PARAMETER = re.compile(r""";\s*(?:([^\s=;"]+)\s*=\s*("(?:\\.|[^"\\])*"?|[^;]*))?""")
_BREAKS = {b"references": (rb"><", b"> <"), b"in-reply-to": (rb"><", b"> <"),
           b"content-type": (rb";(?=\S)", b"; "), b"content-disposition": (rb";(?=\S)", b"; ")}  # fmt: skip
_RAW_WORD = re.compile(rb"=\?[!->@-~]+\?[qQ]\?[^?\s]*\?=")  # an encoded word whose author forgot to encode
_BEYOND = re.compile(rb"[\x80-\xff]")
_COMMA = re.compile(rb'("(?:\\.|[^"\\])*"?)|(,)(?=[^ \t])')


class Unwritable(ValueError):  # noqa: N818  (named for what it is)
    """The field has no legal form: an address whose local part is not ASCII."""


def written(raw: bytes, declared: str, fallback: str) -> bytes:
    """The field in ASCII, folded. Raises `Unwritable`."""
    name, body = unfolded(raw)
    body = _RAW_WORD.sub(_octets_escaped, body)
    text = decoded(body, declared, fallback)
    kind = name.lower()
    if kind in _ADDRESSES:
        out = _addresses(text)
    elif kind in _PARAMETERS:
        out = _parameters(text, words_for="name" if kind == b"content-type" else "")
    elif kind in _STRUCTURED:
        out = _in_comments(text)
    else:
        out = between_words(text)
    return folded(name, out.encode("ascii", "replace"))


def _octets_escaped(word: re.Match[bytes]) -> bytes:
    return _BEYOND.sub(lambda octet: b"=%02X" % octet[0][0], word[0])


def shortened(raw: bytes) -> bytes:
    """The field with no line over 998 octets: folded where it has blanks or may have some, else encoded, else cut."""
    name, body = unfolded(raw)
    kind = name.lower()
    if kind in _ADDRESSES:
        body = _COMMA.sub(lambda match: match[1] or b", ", body)
    elif kind in _BREAKS:
        body = re.sub(*_BREAKS[kind], body)
    elif kind not in _STRUCTURED:
        body = between_words(body.decode("latin-1")).encode("ascii", "replace")
    return folded(name, body)


def too_long(raw: bytes) -> bool:
    return len(raw) > 998 and has_long_line(raw)


def _addresses(text: str) -> str:
    """Mailbox by mailbox, those in ASCII as they are."""
    out, start = [], 0
    for token in _MAILBOX.finditer(text):
        if token["end"] or token["group"]:
            out += [_mailbox(text[start : token.start()]), token[0]]
            start = token.end()
    return "".join([*out, _mailbox(text[start:])])


def _mailbox(text: str) -> str:
    if text.isascii():
        return text
    out: list[str] = []
    phrase = ""
    for token in _MAILBOX.finditer(text):
        if token["angle"] or token["comment"]:
            out += [_phrase(phrase), _angle(token[0]) if token["angle"] else _in_comments(token[0])]
            phrase = ""
        else:
            phrase += token[0]
    lead = text[: len(text) - len(text.lstrip())]
    return lead + " ".join(filter(None, [*out, _phrase(phrase)]))


def _phrase(text: str) -> str:
    """A display name, or an address without angle brackets."""
    text = text.strip()
    if text.isascii():
        return text
    if re.fullmatch(r'[^\s"]+@[^\s"]+', text):
        return _ascii_address(text)
    spoken = re.sub(r'"((?:\\.|[^"\\])*)"?', lambda match: re.sub(r"\\(.)", r"\1", match[1]), text)
    return between_words(spoken, whole=True)


def _angle(text: str) -> str:
    return text if text.isascii() else "<" + _ascii_address(text.strip("<>")) + ">"


def _ascii_address(text: str) -> str:
    local, at, domain = text.rpartition("@")
    try:
        return local.encode("ascii").decode() + at + domain.strip().encode("idna").decode()
    except UnicodeError:
        raise Unwritable(f"the address {text!r} is not ASCII") from None


def _in_comments(text: str) -> str:
    """Comments as encoded words; what is beyond ASCII elsewhere has no legal form here and becomes a question mark."""
    return _COMMENT.sub(lambda match: match[0] if match[0].isascii() else _comment(match[0]), text)


def _comment(text: str) -> str:
    return "(" + encoded_words(re.sub(r"\\(.)", r"\1", text[1:].removesuffix(")"))) + ")"


def _parameters(text: str, words_for: str) -> str:
    """`words_for` names the parameter that gets encoded words; all others beyond ASCII follow RFC 2231."""
    return _PARAMETER.sub(lambda match: match[0] if match[0].isascii() else _parameter(match, words_for), text)


def _parameter(match: re.Match[str], words_for: str) -> str:
    name, value = match[1] or "", (match[2] or match[0]).strip("; \t")
    plain = re.sub(r"\\(.)", r"\1", value[1:].removesuffix('"')) if value.startswith('"') else value
    if not name or not name.isascii():
        return "; " + "; ".join(parameter("x-garbled", plain))
    if name.lower() == words_for:
        return f'; {name}="{encoded_words(plain)}"'
    return "; " + "; ".join(parameter(name, plain))
