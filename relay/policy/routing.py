"""Which device is it: by address, by login, or by both; the most specific network wins.

A session that has logged in is the device of that login, whatever device its address alone would be.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from relay.policy.pattern import any_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.config.settings import Device, Network
    from relay.message.address import Address

_ANYBODY = "*"
_REMEMBERED = 2048  # addresses whose answer is known without looking again
_ROUTE = re.compile(r"[%!@]")  # victim%elsewhere@ours, elsewhere!victim@ours, "victim@elsewhere"@ours


@dataclass(frozen=True, slots=True)
class Known:
    """A configured device, ready to be asked about recipients and senders."""

    name: str
    device: Device
    allowed: re.Pattern[str]

    def may_write_to(self, recipient: Address) -> bool:
        """Whether one of the device's patterns covers the recipient; case does not count.

        A route in the local part may lead to another domain than the one shown: only for those who may write to all.
        """
        if _ROUTE.search(recipient.local) and _ANYBODY not in self.device.recipients:
            return False
        return self.allowed.match(recipient.normal) is not None

    @property
    def sends_as_anybody(self) -> bool:
        """Whether its senders are not looked at."""
        return _ANYBODY in self.device.senders

    def may_send_as(self, sender: Address) -> bool:
        """Whether one of the device's sender patterns covers the address; the null reverse-path is `<>`."""
        return any_of(self.device.senders).match(sender.normal or "<>") is not None

    def option(self, name: str) -> tuple[str | int, ...]:
        """Where an option of this device stands in the settings."""
        return ("devices", self.name, name)


class Directory:
    """All devices of a configuration, indexed for the question every session asks."""

    def __init__(self, devices: Mapping[str, Device]) -> None:
        known = [Known(name, device, any_of(device.recipients)) for name, device in devices.items()]
        self._by_login: dict[str, list[Known]] = {}
        for item in sorted(known, key=_width):
            if item.device.login is not None:
                self._by_login.setdefault(item.device.login.username, []).append(item)
        by_address = [
            (network, item) for item in known if item.device.login is None and (network := item.device.network)
        ]
        self._by_address = sorted(by_address, key=lambda pair: pair[0].prefixlen, reverse=True)
        self._found: dict[str, Known | None] = {}

    def by_address(self, client: str) -> Known | None:
        """The device that is known by its address alone."""
        if client not in self._found:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            self._found[client] = self._look_up(client)
        return self._found[client]

    def _look_up(self, client: str) -> Known | None:
        address = plain_address(client)
        if address is None:
            return None
        return next((item for network, item in self._by_address if _inside(address, network)), None)

    def by_login(self, username: str, client: str) -> Known | None:
        """The device with that user name, if it may log in from there; the most specific one, without address last."""
        address = plain_address(client)
        for item in self._by_login.get(username, ()):
            network = item.device.network
            if network is None or (address is not None and _inside(address, network)):
                return item
        return None

    def users(self, username: str) -> list[Known]:
        """The devices that log in with that name, from wherever; the most specific first."""
        return list(self._by_login.get(username, ()))

    def only_with_login(self, client: str) -> list[Known]:
        """The devices that this address alone does not make known, because a login is asked beside it."""
        address = plain_address(client)
        known = (item for items in self._by_login.values() for item in items)
        return [
            item for item in known
            if address is not None and item.device.network is not None and _inside(address, item.device.network)
        ]  # fmt: skip


@lru_cache(maxsize=_REMEMBERED)
def plain_text(client: str) -> str:
    """An address as all of the relay writes it; what is none stays as it is."""
    return str(plain_address(client) or client)


def plain_address(client: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The client's address; IPv4 inside IPv6 (::ffff:a.b.c.d) is the IPv4 it stands for, a zone index is dropped."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _width(item: Known) -> int:
    """How far a device's addresses reach; without any, farthest."""
    network = item.device.network
    return 256 if network is None else network.max_prefixlen - network.prefixlen


def _inside(address: ipaddress.IPv4Address | ipaddress.IPv6Address, network: Network) -> bool:
    return address.version == network.version and address in network
