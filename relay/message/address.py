"""Mail addresses as SMTP commands carry them (RFC 5321 §4.1.2), and the null reverse-path as a value.

Devices write addresses in many broken ways and cannot be changed, so parsing is lenient about dress (brackets, spaces,
source routes) and strict about what would let one command become two (control characters) or mail go elsewhere.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_SOURCE_ROUTE = re.compile(r"^@[^:<>]*:")  # RFC 5321 appendix C: accepted and ignored

_DEVIATION = re.compile("[\u00df\u03c2\u200c\u200d]")


class AddressError(ValueError):
    """The text is not a mail address; the message says what is wrong with it, in ASCII."""


class Address(str):
    """A parsed address: the text between the angle brackets; the empty one is the null reverse-path `<>`."""

    __slots__ = ()

    @property
    def is_null(self) -> bool:
        return not self

    @property
    def local(self) -> str:
        return self.rpartition("@")[0] if "@" in self else str(self)

    @property
    def domain(self) -> str:
        """The part after the last @, in lower case; empty when the device sent none."""
        return self.rpartition("@")[2].lower() if "@" in self else ""

    @property
    def normal(self) -> str:
        """The form to compare by: Exchange treats both parts without regard to case."""
        return self.lower()


NULL = Address("")


def ascii_domain(domain: str) -> str:
    """A domain in the form to compare by: lower case, an internationalized one as the DNS has it (RFC 5890)."""
    lower = domain.lower()
    return lower if lower.isascii() else ".".join(map(_ascii_label, lower.split(".")))


def _ascii_label(label: str) -> str:
    """Python's codec is of 2003 and makes "ss" of "ß", which is another domain today (RFC 5894 §7.2)."""
    if _DEVIATION.search(label):
        return f"xn--{label.encode('punycode').decode('ascii')}"
    try:
        return label.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return label


@lru_cache(maxsize=1024)
def parse_path(text: str) -> Address:
    """The address of a MAIL or RCPT path, with or without angle brackets; `<>` is `NULL`.

    Raises `AddressError`.
    """
    inner = _inside_brackets(text.strip())
    if len(inner.encode("utf-8", "replace")) > 320:
        raise AddressError("address longer than 320 octets")
    if _CONTROL.search(inner):
        raise AddressError("control character in the address")
    inner = _SOURCE_ROUTE.sub("", inner).strip()
    if " " in _outside_quotes(inner) or "<" in inner or ">" in inner:
        raise AddressError("an address has no spaces and no angle brackets inside")
    return Address(inner)


def _inside_brackets(text: str) -> str:
    if text.startswith("<"):
        if not text.endswith(">"):
            raise AddressError("the closing angle bracket is missing")
        return text[1:-1]
    return text


def _outside_quotes(text: str) -> str:
    return _QUOTED.sub("", text) if '"' in text else text


_TOKEN = re.compile(
    r"""(?P<quoted>"(?:\\.|[^"\\])*")|(?P<comment>\((?:\\.|[^()\\])*\))|<(?P<angle>[^<>]*)>?|(?P<end>[,;])|(?P<other>[^"(<,;]+|.)""",
    re.DOTALL,
)
_READ = 4096  # what quotes that never close cost grows with the square of the length
_SPACE = re.compile(r"[ \t\r\n]+")  # not \s: octets of UTF-8 seen as Latin-1 must not count as spaces


def authors(text: str) -> Iterator[tuple[str, str]]:
    """Display name and address of each mailbox in an unfolded From body (RFC 5322 §3.4), its first 4096 characters.

    A name is unquoted; encoded words stay as they are. A group's name is skipped.
    """
    words: list[str] = []
    angle: str | None = None
    for token in _TOKEN.finditer(text[:_READ]):
        if token["end"]:
            yield from _author(words, angle)
            words, angle = [], None
        elif angle is not None:
            continue
        elif token["angle"] is not None:
            angle = _SPACE.sub(" ", token["angle"]).strip(" ")
        elif token["quoted"]:
            words.append(re.sub(r"\\(.)", r"\1", token["quoted"][1:-1]))
        elif token["other"]:
            words.append(_past_group(token["other"]))
    yield from _author(words, angle)


def _author(words: list[str], angle: str | None) -> Iterator[tuple[str, str]]:
    if angle is not None:
        yield _words(words), angle
    elif address := _words(words):
        yield "", address


def _past_group(text: str) -> str:
    return text.rpartition(":")[2] if ":" in text and "@" not in text.partition(":")[0] else text


def _words(words: list[str]) -> str:
    return _SPACE.sub(" ", " ".join(words)).strip(" ")
