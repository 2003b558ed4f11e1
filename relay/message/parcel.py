"""One message on its way out, as the spool hands it to a transport."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from relay.message.address import Address


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message ready to go: `head` is the header section with its blank line, the body is in memory or in a file."""

    id: str
    sender: Address
    recipients: tuple[Address, ...]
    head: bytes
    body: bytes | Path
    body_size: int
    eight_bit: bool

    @property
    def size(self) -> int:
        return len(self.head) + self.body_size

    @property
    def others(self) -> tuple[Address, ...]:
        """The recipients but for the sender, who may be one of them."""
        return tuple(address for address in self.recipients if address.normal != self.sender.normal)
