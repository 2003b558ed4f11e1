"""Addresses and networks of devices as they are written in the settings."""

from __future__ import annotations

import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_WIDEST = {4: 8, 6: 7}  # 10.0.0.0/8, fc00::/7: two halves of the world are an open relay too
_MAPPED_BITS = 96  # ::ffff:0:0/96 holds all of IPv4, RFC 4291 §2.5.5.2


def network_of(text: str) -> Network:
    """The network a text names; a single address is a network of one. IPv4 written inside IPv6 is IPv4.

    Raises ValueError, with the remedy, for what is no address and for what may mean a machine or its network.
    """
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("must be an IP address such as 10.0.2.17, or a network such as 10.0.3.0/24") from None
    machine = text.partition("/")[0]
    if ipaddress.ip_address(machine) != network.network_address:
        raise ValueError(f"write {machine} for the one machine, or {network} for the whole network")
    return _unmapped(network)


def is_everybody(network: Network) -> bool:
    """Whether it is wider than any network of devices."""
    return network.prefixlen < _WIDEST[network.version]


def _unmapped(network: Network) -> Network:
    if isinstance(network, ipaddress.IPv4Network) or network.prefixlen < _MAPPED_BITS:
        return network
    inner = network.network_address.ipv4_mapped
    return network if inner is None else ipaddress.IPv4Network((inner, network.prefixlen - _MAPPED_BITS))
