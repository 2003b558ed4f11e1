"""Which device is it: by address, by login, or by both; the most specific network wins."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.policy.pattern import any_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.config.settings import Device, Network
    from relay.message.address import Address

_ANYBODY = "*"
_ROUTE = re.compile(r"[%!@]")  # victim%elsewhere@ours, elsewhere!victim@ours, "victim@elsewhere"@ours


@dataclass(frozen=True, slots=True)
class Known:
    """A configured device, ready to be asked about recipients."""

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


class Directory:
    """All devices of a configuration, indexed for the question every session asks."""

    def __init__(self, devices: Mapping[str, Device]) -> None:
        known = [Known(name, device, any_of(device.recipients)) for name, device in devices.items()]
        self._by_login = {item.device.login.username: item for item in known if item.device.login is not None}
        by_address = [
            (network, item) for item in known if item.device.login is None and (network := item.device.network)
        ]
        self._by_address = sorted(by_address, key=lambda pair: pair[0].prefixlen, reverse=True)

    def by_address(self, client: str) -> Known | None:
        """The device that is known by its address alone."""
        address = plain_address(client)
        if address is None:
            return None
        return next((item for network, item in self._by_address if _inside(address, network)), None)

    def by_login(self, username: str, client: str) -> Known | None:
        """The device with that user name, if it may log in from there."""
        item = self._by_login.get(username)
        if item is None or item.device.network is None:
            return item
        address = plain_address(client)
        return item if address is not None and _inside(address, item.device.network) else None


def plain_address(client: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The client's address; IPv4 inside IPv6 (::ffff:a.b.c.d) is the IPv4 it stands for, a zone index is dropped."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _inside(address: ipaddress.IPv4Address | ipaddress.IPv6Address, network: Network) -> bool:
    return address.version == network.version and address in network
