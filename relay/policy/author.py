"""Authors as text: which may be answered, what is shown of them, how they are written into a From (RFC 5322 §3.4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from relay.message.mend_words import encoded_words

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_OF_A_NAME = 320  # with the address behind it still a line of RFC 5322 §2.1.1
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
# RFC 2047 §5 (3), and the dots that devices put in; nothing that ends a phrase may hide in an encoded word.
_ENCODED_WORD = r"=\?[A-Za-z0-9._*-]+\?[BbQq]\?[A-Za-z0-9!#$%&'*+/=^_`{|}~.-]*\?="
_IS_ENCODED = re.compile(_ENCODED_WORD)
_BARE_WORD = re.compile(f"{_ENCODED_WORD}|{_ATOM}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_UNADDRESSABLE = re.compile(r"[\x00-\x20\x7f<>,;]")
_LIKE_AN_ADDRESS = re.compile(r"[^\s<>,;:()\[\]\"@]+@[^\s<>,;:()\"@]+")


def addresses_in(text: str, *, quoted: bool = True) -> Iterator[str]:
    """Whatever looks like an address in a From body, wherever it stands; `quoted` says whether in quotes too."""
    return (match[0] for match in _LIKE_AN_ADDRESS.finditer(text if quoted else _QUOTED.sub('""', text)))


def is_real(address: str) -> bool:
    """Whether somebody could answer to it: it has a domain with a dot, and nothing that would end it early."""
    local, at, domain = address.rpartition("@")
    if len(address) > _MOST_OF_A_NAME or _UNADDRESSABLE.search(address):
        return False
    return bool(local and at and "." in domain.strip("."))


def shown(name: str, address: str) -> str:
    """What recipients are to see of an author: the name, else the address; nothing where both are out of bounds."""
    return next((text for text in (name, address) if 0 < len(text) <= _MOST_OF_A_NAME), "")


def phrase(name: str) -> str:
    """A display name as it may stand before an angle bracket: encoded words as they are, all else quoted."""
    words = name.split(" ")
    if not name or (any(map(_IS_ENCODED.fullmatch, words)) and all(map(_BARE_WORD.fullmatch, words))):
        return name
    escaped = _CONTROL.sub("", name).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def name_of(text: str) -> str:
    """A display name of the configuration as a phrase, folded where it needs more than one encoded word."""
    return phrase(text) if text.isascii() else encoded_words(text).replace(" ", "\r\n ")


def line_of(name: str, address: str) -> bytes:
    """The From field of an author; `name` is a phrase."""
    return b"From: " + name.encode("latin-1", "replace") + b" " * bool(name) + b"<" + address.encode() + b">\r\n"
