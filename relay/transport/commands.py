"""The commands of one mail transaction as bytes, from what the server offers (RFC 5321, 1870, 6152, 6531, 3030)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.message.reply import Reply

if TYPE_CHECKING:
    from relay.message.address import Address

_UNSAFE = re.compile(r"[\x00-\x1f\x7f<>]")

NO_UTF8 = Reply(553, "5.6.7", "the address is not ASCII and the server does not offer SMTPUTF8 (said by the relay)")
UNSAFE = Reply(553, "5.1.3", "the address holds a control character or an angle bracket (said by the relay)")


@dataclass(frozen=True, slots=True)
class Offer:
    """What may be used on a connection: offered in EHLO and not switched off by the profile."""

    host: str
    size: bool = False
    eight_bit: bool = False
    pipelining: bool = False
    chunking: bool = False
    utf8: bool = False

    def mail(self, sender: Address, *, size: int, eight_bit: bool, utf8: bool) -> bytes:
        """MAIL FROM with the parameters the server understands."""
        parameters = [f"SIZE={size}"] if self.size else []
        if eight_bit and self.eight_bit:
            parameters.append("BODY=8BITMIME")
        if utf8 and self.utf8:
            parameters.append("SMTPUTF8")
        return " ".join([f"MAIL FROM:<{sender}>", *parameters]).encode() + b"\r\n"

    def unspeakable(self, address: Address) -> Reply | None:
        """Why this address cannot be put into a command here, as the reply a server would give."""
        if _UNSAFE.search(address):
            return UNSAFE
        if not address.isascii() and not self.utf8:
            return NO_UTF8
        return None


def rcpt(recipient: Address) -> bytes:
    return f"RCPT TO:<{recipient}>\r\n".encode()
