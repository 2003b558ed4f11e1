"""One message on its way out, as the spool hands it to a transport."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from relay.message.address import Address


class OpenBody(Protocol):
    """A body that is being read. What cannot be read raises `OSError`."""

    def read(self, most: int, /) -> bytes:
        """The octets that follow, at least one and not many more than asked for; empty at the end."""
        ...

    def tail(self) -> bytes:
        """The last two octets, without moving on."""
        ...

    def close(self) -> None: ...


class StoredBody(Protocol):
    """A body that is not stored as it is sent; as text, where it is."""

    def open(self) -> OpenBody:
        """Raises `OSError`."""
        ...


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message ready to go: `head` is the header section with its blank line, the body is in memory, in a file as
    it is, or in a place that has to be opened.
    """

    id: str
    sender: Address
    recipients: tuple[Address, ...]
    head: bytes
    body: bytes | Path | StoredBody
    body_size: int
    eight_bit: bool

    @property
    def size(self) -> int:
        return len(self.head) + self.body_size

    @property
    def others(self) -> tuple[Address, ...]:
        """The recipients but for the sender, who may be one of them."""
        return tuple(address for address in self.recipients if address.normal != self.sender.normal)
