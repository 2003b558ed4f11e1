"""A TCP connection to a host with several addresses, one of which may not answer.

Where IPv6 is announced but leads nowhere, the system would use up the whole patience on the first address; here each
but the last gets a few seconds, and the families take turns (after RFC 8305, without its race).
"""

from __future__ import annotations

import asyncio
import os
import socket
from itertools import chain, zip_longest
from typing import Any

ADDRESS_TIMEOUT_S = 3.0

Address = tuple[int, Any]  # family, and what `connect` takes


async def dial(host: str, port: int, timeout_s: float) -> socket.socket:
    """A connected socket, from the first address that answers. Raises `OSError`, telling of each address tried."""
    complaints: list[str] = []
    try:
        async with asyncio.timeout(timeout_s):
            addresses = await lookup(host, port)
            for address in addresses[:-1]:
                sock = await _patiently(address, complaints)
                if sock is not None:
                    return sock
            return await _connect(addresses[-1])
    except TimeoutError:
        complaints.append(f"no connection within {timeout_s:g} s")
    except OSError as exc:
        complaints.append(_words(exc))
    raise ConnectionError("; ".join(complaints))


async def lookup(host: str, port: int) -> list[Address]:
    """Every address of a host, the families taking turns. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    families: dict[int, list[Address]] = {}
    for family, _, _, _, where in infos:
        families.setdefault(family, []).append((family, where))
    return [address for address in chain.from_iterable(zip_longest(*families.values())) if address is not None]


async def _patiently(address: Address, complaints: list[str]) -> socket.socket | None:
    """One of several addresses: what it did instead of answering is written down."""
    try:
        async with asyncio.timeout(ADDRESS_TIMEOUT_S):
            return await _connect(address)
    except TimeoutError:
        complaints.append(f"{address[1][0]}: no answer within {ADDRESS_TIMEOUT_S:g} s")
    except OSError as exc:
        complaints.append(f"{address[1][0]}: {_words(exc)}")
    return None


async def _connect(address: Address) -> socket.socket:
    family, where = address
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await asyncio.get_running_loop().sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock


def _words(exc: OSError) -> str:
    """The system's own; asyncio puts "Connect call failed" in their place."""
    return os.strerror(exc.errno) if exc.errno and exc.errno > 0 else str(exc.strerror or exc)
