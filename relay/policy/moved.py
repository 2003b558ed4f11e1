"""Mail that was accepted for one mailbox and leaves by another: a mistyped name was mended, or the profile moved."""

from __future__ import annotations

import re

from relay.message.address import Address, authors
from relay.message.header import field, replaced, value


def moved(head: bytes, sender: Address, *, old: str, new: str) -> tuple[bytes, Address]:
    """The stored head and sender with the new mailbox where the From policy had put the old one.

    What the device wrote of others stays; a sender that never was the old mailbox stays too.
    """
    original = field(head, "From")
    _, author = next(iter(authors((value(head, "From") or b"").decode("latin-1"))), ("", ""))
    if original is not None and author.lower() == old.lower():
        address = re.compile(re.escape(old.encode()), re.IGNORECASE)
        head = replaced(head, "From", address.sub(lambda _: new.encode(), original))
    return head, Address(new) if sender.normal == old.lower() else sender
