"""PROXY protocol, versions 1 and 2: a load balancer tells whose connection it hands on.

The specification is haproxy's doc/proxy-protocol.txt; section numbers below are its. The header is read octet for octet
and never beyond its end, because a TLS handshake may follow in the same packet.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Exactly = Callable[[int], Awaitable[bytes]]

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"  # version 2, §2.2
_V1_MOST = 107  # §2.1, with its CRLF
_V1 = re.compile(rb"PROXY TCP([46]) ([0-9A-Fa-f:.]{2,45}) ([0-9A-Fa-f:.]{2,45}) (\d{1,5}) (\d{1,5})\r\n", re.ASCII)
_V1_UNKNOWN = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n")
_V2_MOST = 2048  # addresses and additions; those of real load balancers fit in a tenth
_LOCAL, _PROXY = 0x20, 0x21
_STREAMS = {0x11: 4, 0x21: 16}  # TCP over IPv4 and IPv6, with the length of an address


class ProxyError(ValueError):
    """What came is not a PROXY header. The text says what is wrong."""


async def announced(exactly: Exactly) -> str | None:
    """Reads one header and returns the client's address; None when it names none (health checks, LOCAL, UNKNOWN).

    `exactly(n)` gives the next n octets. Raises `ProxyError`, and whatever `exactly` raises.
    """
    head = await exactly(len(SIGNATURE))
    if head == SIGNATURE:
        head += await exactly(4)
        return version2(head, await exactly(_length(head)))
    if not head.startswith(b"PROXY "):
        raise ProxyError("no PROXY header came first")
    while not head.endswith(b"\n"):
        if len(head) >= _V1_MOST:
            raise ProxyError(f"the PROXY header is longer than {_V1_MOST} octets")
        head += await exactly(1)
    return version1(head)


def version1(line: bytes) -> str | None:
    """The client's address in a header of version 1, given with its CRLF. Raises `ProxyError`."""
    if len(line) <= _V1_MOST and _V1_UNKNOWN.fullmatch(line):
        return None
    found = _V1.fullmatch(line)
    if found is None or max(int(found[4]), int(found[5])) > 65535:
        raise ProxyError(f"malformed PROXY header {line!r}")
    client, local = _address(found[2]), _address(found[3])
    if not client.version == local.version == int(found[1]):
        raise ProxyError(f"an address in the PROXY header is not IPv{found[1].decode()}: {line!r}")
    return str(client)


def version2(head: bytes, rest: bytes) -> str | None:
    """The client's address in a header of version 2: its 16 octets, and what they announce. Raises `ProxyError`."""
    command, family = head[12], head[13]
    if command == _LOCAL:
        return None
    if command != _PROXY:
        raise ProxyError(f"PROXY header with version and command {command:#04x}, 0x20 and 0x21 are known")
    if family == 0:
        return None
    octets = _STREAMS.get(family)
    if octets is None:
        raise ProxyError(f"PROXY header for address family {family:#04x}, only TCP over IPv4 and IPv6 is taken")
    if len(rest) < 2 * octets + 4:
        raise ProxyError("the PROXY header is too short for its addresses")
    return str(ipaddress.ip_address(rest[:octets]))


def _length(head: bytes) -> int:
    length: int = struct.unpack_from("!H", head, 14)[0]
    if length > _V2_MOST:
        raise ProxyError(f"the PROXY header announces {length} octets, at most {_V2_MOST} are taken")
    return length


def _address(text: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text.decode("ascii"))
    except ValueError as error:
        raise ProxyError(f"malformed address in the PROXY header: {error}") from error
