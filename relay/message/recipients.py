"""To, Cc and Bcc made to name exactly those who are to get this copy: for a way upstream that has no envelope.

Nobody who is not among them may be mailed, and nobody may be overlooked. So a field stays as it is, octet for octet,
when each of its mailboxes is understood and each is one of them. Any other is written anew from those that are, as they
stood; the whole original stays readable as X-Original-To or X-Original-Cc (a Bcc does not: it was never meant to be
seen). Who is in none of the fields is added as Bcc.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from relay.message.address import Address, ascii_domain
from relay.message.header import fields, renamed, replaced, section_of, set_aside, unfolded, without

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_VISIBLE = ("To", "Cc")
_RESENT = ("Resent-To", "Resent-Cc")
_ADDRESS = re.compile(  # an encoded word has no place in it, and some readers decode it to another address
    r'(?!.*=\?)(?:[^\s@<>,;:"()\[\]\\]+|"(?:[^"\\]|\\.)*")@[^\s@<>,;:"()\\]+'
)
_TOKEN = re.compile(
    r"""(?P<quoted>"(?:\\.|[^"\\])*")|(?P<comment>\((?:\\.|[^()\\])*\))|<(?P<angle>[^<>]*)>|(?P<end>[,;])"""
    r"""|(?P<colon>:)|(?P<other>(?:\\.|[^"(<,;:\\])+)|(?P<stray>.)""",
    re.DOTALL,
)
_ATOM = re.compile(r'"([^\s@<>,;:"()\[\]\\]+)"')


class Mailbox(NamedTuple):
    """One entry of an address list as it was written; an address that is empty could not be understood."""

    written: str
    address: str


class Field(NamedTuple):
    """An address field, and whether every reader would find the same mailboxes in it."""

    mailboxes: tuple[Mailbox, ...]
    sound: bool


def is_writable(address: Address) -> bool:
    """Whether an address can stand in a header field."""
    return _ADDRESS.fullmatch(address) is not None


def addressed(head: bytes, recipients: Sequence[Address]) -> bytes:
    """A header section that names these recipients and nobody else; each of them `is_writable`."""
    wanted = {_key(address): address for address in recipients}
    section = without(section_of(head), "Resent-Bcc")
    for name in _RESENT:
        section = _rewritten(section, name, b"")
    named: set[str] = set()
    for name in _VISIBLE:
        section, found = _only(section, name, wanted)
        named |= found
    return _with_bcc(section, wanted, named) + b"\r\n"


def parsed(body: bytes) -> Field:
    """The mailboxes of an unfolded field body (RFC 5322 §3.4), those of groups among them."""
    reading = _Reading()
    for token in _TOKEN.finditer(_text(body)):
        reading.take(token)
    return reading.end()


def _only(section: bytes, name: str, wanted: dict[str, Address]) -> tuple[bytes, set[str]]:
    """The section with that field confined to the wanted, and which of them it names."""
    found = [parsed(unfolded(raw)) for raw in fields(section, name)]
    mailboxes = [mailbox for field in found for mailbox in field.mailboxes]
    kept = {_key(mailbox.address): mailbox.written for mailbox in mailboxes if _key(mailbox.address) in wanted}
    if _is_exact(found, wanted):
        return section, set(kept)
    return _rewritten(section, name, _line(name, kept.values())), set(kept)


def _is_exact(found: list[Field], wanted: dict[str, Address]) -> bool:
    """Whether nothing has to be changed: one field at most, understood, of wanted mailboxes alone."""
    if len(found) > 1:
        return False
    return all(field.sound and all(_key(each.address) in wanted for each in field.mailboxes) for field in found)


def _with_bcc(section: bytes, wanted: dict[str, Address], named: set[str]) -> bytes:
    missing = {key: _written(address) for key, address in wanted.items() if key not in named}
    found = [parsed(unfolded(raw)) for raw in fields(section, "Bcc")]
    hidden = {_key(mailbox.address) for field in found for mailbox in field.mailboxes}
    if found and _is_exact(found, wanted) and missing.keys() <= hidden:
        return section
    return without(section, "Bcc") + _line("Bcc", missing.values())


def _rewritten(section: bytes, name: str, line: bytes) -> bytes:
    """The first field of that name replaced by `line`, all of them kept under another name."""
    first = next(fields(section, name), None)
    if first is None:
        return section
    aside = f"X-Original-{name}"
    return replaced(set_aside(section, name, under=aside, behind=1), name, line + renamed(first, aside))


def _line(name: str, written: Iterable[str]) -> bytes:
    body = ",\r\n ".join(written)
    return f"{name}: {body}\r\n".encode("utf-8", "surrogateescape") if body else b""


def _text(body: bytes) -> str:
    return body.decode("utf-8", "surrogateescape")


def _written(address: Address) -> str:
    """As a header takes it: an internationalized domain in the DNS's form."""
    return f"{address.local}@{ascii_domain(address.domain)}"


def _key(address: str) -> str:
    """What two spellings of one address have in common."""
    found = Address(address)
    local = _ATOM.sub(r"\1", found.local)
    return f"{local.lower()}@{ascii_domain(found.domain)}" if found else ""


class _Reading:
    """A field's tokens on their way to mailboxes."""

    def __init__(self) -> None:
        self._mailboxes: list[Mailbox] = []
        self._sound = True
        self._in_group = False
        self._last_sign = ","
        self._begin()

    def _begin(self) -> None:
        self._raw: list[str] = []
        self._words: list[str] = []
        self._angles: list[str] = []

    def take(self, token: re.Match[str]) -> None:
        kind = token.lastgroup or ""
        if kind == "end":
            self._close(token[0])
        elif kind == "colon":
            self._open_group()
        else:
            self._raw.append(token[0])
            if kind == "angle":
                self._angles.append(token["angle"].strip())
            elif kind != "comment":
                self._words.append(token[0])
            self._sound = self._sound and kind != "stray"

    def end(self) -> Field:
        self._sound = self._sound and not self._in_group
        self._finish(may_be_empty=self._last_sign == ";")
        return Field(tuple(self._mailboxes), self._sound)

    def _open_group(self) -> None:
        """What stood before is the group's name."""
        self._sound = self._sound and not self._in_group and not self._angles and bool("".join(self._words).strip())
        self._in_group = True
        self._begin()

    def _close(self, sign: str) -> None:
        self._sound = self._sound and (sign == "," or self._in_group)
        self._finish(may_be_empty=sign == ";" or (sign == "," and self._last_sign == ";" and bool(self._mailboxes)))
        self._in_group = self._in_group and sign == ","
        self._last_sign = sign

    def _finish(self, *, may_be_empty: bool) -> None:
        if not "".join(self._raw).strip():
            self._sound = self._sound and may_be_empty
        else:
            self._mailboxes.append(self._mailbox())
        self._begin()

    def _mailbox(self) -> Mailbox:
        """An entry whose name would mislead a reader keeps its address alone."""
        phrase = "".join(self._words).strip()
        address = self._angles[0] if self._angles else phrase
        if len(self._angles) > 1 or not _ADDRESS.fullmatch(address):
            self._sound = False
            return Mailbox("", "")
        outside = re.sub(r'"(?:\\.|[^"\\])*"', "", phrase)
        if self._angles and re.search(r'[@<>()\[\]\\"]', outside):
            self._sound = False
            return Mailbox(f"<{address}>", address)
        return Mailbox("".join(self._raw).strip(), address)
