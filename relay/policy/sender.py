"""The From policy: what becomes of the sender a device wrote, in the envelope and in the header.

| policy  | MAIL FROM    | From                              | Reply-To                      | X-Original-From |
|---------|--------------|-----------------------------------|-------------------------------|-----------------|
| keep    | the device's | the device's (added if missing)   | the device's                  | –               |
| mailbox | the mailbox  | the mailbox                       | the device's From, if real    | the device's    |
| person  | the mailbox  | the person's name and the mailbox | the person's address, if real | the device's    |

Exchange checks a Sender and further From fields too (5.2.252, 5.1.20): with mailbox and person, a Sender that is
somebody else becomes X-Original-Sender and a second From becomes X-Original-From.

A From that already is the mailbox is left as it is. A Reply-To that the device wrote is never changed. An address is
real when somebody could answer to it: it has a domain with a dot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.config.settings import FromPolicy
from relay.message.address import Address, authors, first_author
from relay.message.header import field, renamed, replaced, section_of, set_aside, value

_MOST_OF_A_NAME = 320  # with the address behind it still a line of RFC 5322 §2.1.1
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
# RFC 2047 §5 (3), and the dots that devices put in; nothing that ends a phrase may hide in an encoded word.
_ENCODED_WORD = r"=\?[A-Za-z0-9._*-]+\?[BbQq]\?[A-Za-z0-9!#$%&'*+/=^_`{|}~.-]*\?="
_IS_ENCODED = re.compile(_ENCODED_WORD)
_BARE_WORD = re.compile(f"{_ENCODED_WORD}|{_ATOM}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The header section as it will be sent (without the empty line), who sends, and what was done."""

    section: bytes
    sender: Address
    changes: tuple[str, ...]


def rewrite(head: bytes, reverse_path: Address, *, policy: FromPolicy, mailbox: str) -> Rewritten:
    """Applies the policy to a raw header section and the reverse-path of the envelope."""
    section = section_of(head)
    envelope = reverse_path if policy is FromPolicy.KEEP and reverse_path.domain else Address(mailbox)
    section, changes = (section, []) if policy is FromPolicy.KEEP else _alone(section, mailbox)
    original = field(section, "From")
    if original is None:
        return Rewritten(b"From: <" + envelope.encode() + b">\r\n" + section, envelope, ("from-added", *changes))
    # Octets beyond ASCII ride along as Latin-1, so that they come out as they went in.
    found = list(authors((value(section, "From") or b"").decode("latin-1"))) or [("", "")]
    if policy is FromPolicy.KEEP or all(address.lower() == mailbox.lower() for _, address in found):
        return Rewritten(section, envelope, tuple(changes))
    name, address = found[0]
    shown = _shown(name, address) if policy is FromPolicy.PERSON else ""
    section, more = _replaced(section, original, shown=shown, author=address, mailbox=mailbox)
    return Rewritten(section, envelope, (*more, *changes))


def _alone(section: bytes, mailbox: str) -> tuple[bytes, list[str]]:
    """The section with one author and no sender but the mailbox."""
    changes = []
    sender = value(section, "Sender")
    if sender is not None and first_author(sender.decode("latin-1"))[1].lower() != mailbox.lower():
        section = set_aside(section, "Sender", under="X-Original-Sender")
        changes.append("sender-set-aside")
    single = set_aside(section, "From", under="X-Original-From", behind=1)
    if single != section:
        changes.append("second-from-set-aside")
    return single, changes


def _replaced(section: bytes, original: bytes, *, shown: str, author: str, mailbox: str) -> tuple[bytes, list[str]]:
    changes = ["from-replaced"]
    lines = b"From: " + _phrase(shown) + b"<" + mailbox.encode() + b">\r\n"
    if _real(author) and field(section, "Reply-To") is None:
        lines += b"Reply-To: <" + _octets(author) + b">\r\n"
        changes.append("reply-to-added")
    lines += renamed(original, "X-Original-From")
    return replaced(section, "From", lines), changes


def _real(address: str) -> bool:
    local, at, domain = address.rpartition("@")
    if len(address) > _MOST_OF_A_NAME or re.search(r"[\x00-\x20\x7f<>]", address):
        return False
    return bool(local and at and "." in domain.strip("."))


def _shown(name: str, address: str) -> str:
    return next((text for text in (name, address) if 0 < len(text) <= _MOST_OF_A_NAME), "")


def _phrase(name: str) -> bytes:
    """A display name in front of an angle bracket: encoded words as they are, all else as a quoted string."""
    if not name:
        return b""
    words = name.split(" ")
    if any(map(_IS_ENCODED.fullmatch, words)) and all(map(_BARE_WORD.fullmatch, words)):
        return _octets(name) + b" "
    escaped = _CONTROL.sub("", name).replace("\\", "\\\\").replace('"', '\\"')
    return b'"' + _octets(escaped) + b'" '


def _octets(text: str) -> bytes:
    return text.encode("latin-1", "replace")
