"""A TCP connection to a host with several addresses, some of which may not answer (RFC 8305, "Happy Eyeballs").

The name is resolved anew each time. Its addresses are raced: the families take turns, each address starts a quarter of
a second behind the one before, or as soon as that one has failed, and the first to answer wins. Where the answer of the
DNS held one family alone and nothing of it can be reached, the other is asked for by itself: a resolver that lost half
of its answer strands no mail.
"""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from itertools import chain, zip_longest
from typing import Any

ADDRESS_TIMEOUT_S = 10.0
STAGGER_S = 0.25

Address = tuple[int, Any]  # family, and what `connect` takes


class Family(Enum):
    """Which addresses of a host are tried first; the value is the socket's family."""

    AUTO = 0
    IPV4 = int(socket.AF_INET)
    IPV6 = int(socket.AF_INET6)


@dataclass(frozen=True, slots=True)
class Network:
    """How this machine goes out: from which of its own addresses (empty: any), to which family first."""

    source_address: str = ""
    family: Family = Family.AUTO

    @property
    def source_family(self) -> int:
        """The family the source address binds us to; 0 for any."""
        if not self.source_address:
            return 0
        return int(socket.AF_INET if ip_address(self.source_address).version == 4 else socket.AF_INET6)


ANY = Network()


async def dial(host: str, port: int, timeout_s: float, network: Network = ANY) -> socket.socket:
    """A connected socket, from the first address that answers. Raises `OSError`, telling of each address tried."""
    complaints: list[str] = []
    try:
        async with asyncio.timeout(timeout_s):
            addresses = await lookup(host, port, network)
            sock = await _race(addresses, network, complaints)
            if sock is None:
                others = await _other_family(host, port, network, addresses)
                sock = await _race(others, network, complaints)
    except TimeoutError:
        complaints.append(f"no connection within {timeout_s:g} s")
    except OSError as exc:
        complaints.append(_words(exc))
    else:
        if sock is not None:
            return sock
    raise ConnectionError("; ".join(complaints))


async def lookup(host: str, port: int, network: Network = ANY) -> list[Address]:
    """The addresses of a host in the order they are tried. Raises `OSError`."""
    families = await _resolve(host, port, network.source_family)
    first = sorted(families, key=lambda family: family != network.family.value)
    turns = chain.from_iterable(zip_longest(*(families[family] for family in first)))
    return [address for address in turns if address is not None]


async def _resolve(host: str, port: int, family: int) -> dict[int, list[Address]]:
    """By family, in the system's order."""
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    families: dict[int, list[Address]] = {}
    for found, _, _, _, where in infos:
        families.setdefault(found, []).append((found, where))
    return families


async def _other_family(host: str, port: int, network: Network, tried: list[Address]) -> list[Address]:
    """The addresses of the family that was missing in the answer; none when there are none, or none may be used."""
    missing = {int(socket.AF_INET), int(socket.AF_INET6)} - {family for family, _ in tried}
    if len(missing) != 1 or network.source_address:
        return []
    family = missing.pop()
    try:
        return (await _resolve(host, port, family)).get(family, [])
    except OSError:
        return []


async def _race(addresses: list[Address], network: Network, complaints: list[str]) -> socket.socket | None:
    """The first of them that connects; the others are dropped. What each did instead is written down."""
    runners: set[asyncio.Task[socket.socket | None]] = set()
    waiting = list(addresses)
    try:
        while waiting or runners:
            if waiting:
                runners.add(asyncio.create_task(_run(waiting.pop(0), network, complaints), name="dial"))
            done, runners = await asyncio.wait(
                runners, timeout=STAGGER_S if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            connected = [sock for task in done if (sock := task.result()) is not None]
            for spare in connected[1:]:
                spare.close()
            if connected:
                return connected[0]
    finally:
        await _call_off(runners)
    return None


async def _call_off(runners: set[asyncio.Task[socket.socket | None]]) -> None:
    """Ends those that are still under way; one that has connected meanwhile is hung up."""
    for task in runners:
        task.cancel()
    for sock in await asyncio.gather(*runners, return_exceptions=True):
        if isinstance(sock, socket.socket):
            sock.close()


async def _run(address: Address, network: Network, complaints: list[str]) -> socket.socket | None:
    """One address: what it did instead of answering is written down."""
    try:
        async with asyncio.timeout(ADDRESS_TIMEOUT_S):
            return await _connect(address, network)
    except TimeoutError:
        complaints.append(f"{address[1][0]}: no answer within {ADDRESS_TIMEOUT_S:g} s")
    except OSError as exc:
        complaints.append(f"{address[1][0]}: {_words(exc)}")
    return None


async def _connect(address: Address, network: Network) -> socket.socket:
    family, where = address
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if network.source_address:
            sock.bind((network.source_address, 0))
        await asyncio.get_running_loop().sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock


def _words(exc: OSError) -> str:
    """The system's own; asyncio puts "Connect call failed" in their place."""
    return os.strerror(exc.errno) if exc.errno and exc.errno > 0 else str(exc.strerror or exc)
