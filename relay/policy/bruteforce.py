"""Guessing passwords: who has to wait, and who is turned away for a while. Only failures count, never logins.

Two counts, both forgotten after an hour without a failure:

- by address **and** user name: `failures` in a row close that door for `block_s`, and every failure after that for
  twice as long, up to an hour. A right password ends it.
- by address alone, whatever the names: `SPRAYED` times as many failures close the address for all names that have not
  logged in from there before. A right password does not end that: who knows one could otherwise guess all others. Of
  IPv6 it is the /64 that counts here, because a host has all of those addresses; and because a whole LAN has the same,
  `NEIGHBOURS` times as many failures are let pass.

The first failure of an address is answered at once, the others after 1 s, 2 s, 4 s, 8 s, and 8 s again.

A device whose password is right never waits: not for what others do from other addresses, nor, once it has logged in,
for what they do from its own (a print server, a router) under other names.

Clocks come in as arguments (seconds, monotonic). Tables are bounded: what was not seen for longest is forgotten first.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from relay.policy.routing import plain_address

if TYPE_CHECKING:
    from collections.abc import Hashable

SPRAYED = 5
NEIGHBOURS = 10
LONGEST_DELAY_S = 8.0  # devices give up on a reply after 20 s
LONGEST_BLOCK_S = 3600.0
FORGOTTEN_AFTER_S = 3600.0
_MOST = 10_000

_K = TypeVar("_K", bound="Hashable")


@dataclass(frozen=True, slots=True)
class Patience:
    """The configured part: `failures` before the first block, `block_s` seconds for its length."""

    failures: int
    block_s: float


@dataclass(slots=True)
class _Record:
    """What is remembered of one door."""

    failures: int = 0
    last: float = 0.0
    blocked_until: float = 0.0
    trusted: bool = False

    def note(self, now: float, limit: int, block_s: float) -> None:
        """One failure more; from `limit` on each closes the door, for twice as long as the one before."""
        self.failures = self.failures_at(now) + 1
        self.last = now
        if self.failures >= limit:
            doublings = min(self.failures - limit, 32)
            self.blocked_until = now + min(block_s * 2**doublings, max(block_s, LONGEST_BLOCK_S))

    def failures_at(self, now: float) -> int:
        """Failures count for an hour after the last of them, and after the block it brought."""
        return 0 if now >= max(self.last, self.blocked_until) + FORGOTTEN_AFTER_S else self.failures

    def left_s(self, now: float) -> float:
        """Seconds until the door opens; 0 when it is open."""
        return max(0.0, self.blocked_until - now)


class _Table(Generic[_K]):
    """Records by key; the one not touched for longest makes room."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._records: OrderedDict[_K, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def get(self, key: _K) -> _Record | None:
        return self._records.get(key)

    def touch(self, key: _K) -> _Record:
        """The record, made if there is none, now the youngest."""
        record = self._records.setdefault(key, _Record())
        self._records.move_to_end(key)
        if len(self._records) > self._most:
            self._records.popitem(last=False)
        return record


class BruteForce:
    """The memory of failed logins. Ask `blocked_s` before a password is looked at, tell the outcome after."""

    def __init__(self, most: int = _MOST) -> None:
        """Remembers at most `most` pairs of address and name, and as many addresses."""
        self._pairs: _Table[tuple[str, str]] = _Table(most)
        self._places: _Table[str] = _Table(most)

    def __len__(self) -> int:
        """How much is remembered."""
        return len(self._pairs) + len(self._places)

    def blocked_s(self, client: str, username: str, now: float) -> float:
        """Seconds for which nobody may log in so from there; 0 when the password may be looked at."""
        pair, whole = self._pairs.get(_door(client, username)), self._places.get(place_of(client))
        if pair is not None and pair.trusted:
            return pair.left_s(now)
        return max(record.left_s(now) if record else 0.0 for record in (pair, whole))

    def trusts(self, client: str, username: str) -> bool:
        """Whether this name has logged in from there before."""
        pair = self._pairs.get(_door(client, username))
        return pair is not None and pair.trusted

    def failed(self, client: str, username: str, now: float, patience: Patience) -> float:
        """A wrong password or an unknown name: returns the seconds its answer shall wait."""
        pair, place = self._pairs.touch(_door(client, username)), place_of(client)
        pair.note(now, patience.failures, patience.block_s)
        whole = self._places.touch(place)
        whole.note(now, patience.failures * SPRAYED * (NEIGHBOURS if ":" in place else 1), patience.block_s)
        before = max(pair.failures, whole.failures) - 1
        return min(2.0 ** min(before - 1, 32), LONGEST_DELAY_S) if before else 0.0

    def succeeded(self, client: str, username: str) -> None:
        """A right password: this name is trusted at this address, and its failures are forgotten."""
        record = self._pairs.touch(_door(client, username))
        record.failures, record.blocked_until, record.trusted = 0, 0.0, True


def _door(client: str, username: str) -> tuple[str, str]:
    return str(plain_address(client) or client), username


def place_of(client: str) -> str:
    """Where somebody stands who may choose his address: at an IPv4 address, or in the /64 of an IPv6 one."""
    address = plain_address(client)
    if address is None or address.version == 4:
        return str(address or client)
    return f"{address.exploded[:19]}::/64"
