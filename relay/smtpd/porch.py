"""Connections that need something before the first word: a PROXY header to be read, or TLS from the first byte.

What fails out here is told in the journal, with the address it came from; no session ever begins.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from relay.config.settings import ListenerTls
from relay.policy.routing import plain_address, plain_text
from relay.smtpd.proxy import ProxyError, announced
from relay.smtpd.session import Session
from relay.smtpd.tls import HANDSHAKE_S, handshake_remedy

if TYPE_CHECKING:
    import ipaddress
    import socket

    from relay.config.settings import Listener
    from relay.smtpd.desk import Desk

_HEADER_S = 10.0
_BREATH_S = 0.5  # when the system has no descriptors left; sessions that end give some back
_WITHOUT_A_WORD = (
    "if the device knows no TLS it waits for a greeting in clear: turn on SSL in it, or give it the port of a listener "
    "with tls: optional; else it may not trust the certificate"
)
_LOAD_BALANCER = "let the load balancer send the PROXY header, or take its address out of proxy_protocol.trusted"


def has_porch(listener: Listener) -> bool:
    """Whether connections of this listener begin out here."""
    return listener.tls is ListenerTls.IMPLICIT or listener.proxy_protocol is not None


class Porch:
    """Accepts on one socket; whoever is ready becomes a session."""

    def __init__(self, desk: Desk, among: set[Session], door: socket.socket) -> None:
        self._desk = desk
        self._among = among
        self._door = door
        proxy = desk.listener.proxy_protocol
        self._trusted = proxy.networks if proxy is not None else ()
        self._loop = asyncio.get_running_loop()
        self._arriving: set[asyncio.Task[None]] = set()
        self._crowd: Counter[str] = Counter()
        self._accepting = self._loop.create_task(self._accept(), name=f"porch {desk.listener.listen}")
        # Not in `close`: the loop still watches the descriptor then, and somebody else may get its number.
        self._accepting.add_done_callback(lambda _: door.close())

    def is_serving(self) -> bool:
        """Whether connections are accepted."""
        return not (self._accepting.done() or self._accepting.cancelling())

    def close(self) -> None:
        """No new connections; those that are not sessions yet are dropped."""
        self._accepting.cancel()
        for task in self._arriving:
            task.cancel()

    async def _accept(self) -> None:
        while True:
            try:
                connection, peer = await self._loop.sock_accept(self._door)
            except OSError:
                await asyncio.sleep(_BREATH_S)
                continue
            client = plain_text(peer[0])
            if self._is_crowded(client):
                connection.close()
                continue
            self._admit(connection, client)

    def _admit(self, connection: socket.socket, peer: str) -> None:
        """Counted at once: many may be accepted before the first of them has its turn."""
        self._crowd[peer] += 1
        task = self._loop.create_task(self._arrive(connection, peer))
        self._arriving.add(task)
        task.add_done_callback(lambda _: self._gone(task, peer))

    def _gone(self, task: asyncio.Task[None], peer: str) -> None:
        self._arriving.discard(task)
        self._crowd -= Counter((peer,))  # an address that is gone leaves nothing behind

    def _is_crowded(self, peer: str) -> bool:
        """Whether too many stand out here already, or too many from there; a load balancer stands for many."""
        limits = self._desk.house.rules.settings.intake
        alone = self._crowd[peer] < limits.max_sessions_per_address or self._trusts(peer)
        if alone and len(self._arriving) < limits.max_sessions:
            return False
        self._refused(peer, "too many connections that do not come to their first word", "")
        return True

    async def _arrive(self, connection: socket.socket, peer: str) -> None:
        try:
            client = await self._introduced(connection, peer)
            await self._begin(connection, client)
        except (ProxyError, TimeoutError) as error:
            reason = str(error) if isinstance(error, ProxyError) else "no header came"
            self._refused(peer, f"PROXY protocol: {reason}", _LOAD_BALANCER)
            connection.close()
        except (OSError, EOFError):
            connection.close()  # a health check that opens and closes; failed handshakes are told where they fail
        except asyncio.CancelledError:
            connection.close()
            raise

    async def _introduced(self, connection: socket.socket, peer: str) -> str:
        """The address of the device: the one that connected, or the one a trusted load balancer speaks for."""
        if not self._trusts(peer):
            return peer

        async def exactly(octets: int) -> bytes:
            got = b""
            while len(got) < octets:
                if not (more := await self._loop.sock_recv(connection, octets - len(got))):
                    raise EOFError
                got += more
            return got

        async with asyncio.timeout(_HEADER_S):
            return await announced(exactly) or peer

    def _trusts(self, peer: str) -> bool:
        address = plain_address(peer)
        return any(_inside(address, network) for network in self._trusted) if address is not None else False

    async def _begin(self, connection: socket.socket, client: str) -> None:
        listener = self._desk.listener
        context = self._desk.tls if listener.tls is ListenerTls.IMPLICIT else None
        try:
            await self._loop.connect_accepted_socket(
                lambda: Session(self._desk, self._among, client), connection,
                ssl=context, ssl_handshake_timeout=HANDSHAKE_S if context else None,
            )  # fmt: skip
        except OSError as error:
            if context is not None and not self._trusts(client):  # a load balancer's health checks end so
                remedy = handshake_remedy(error, listener.tls_floor) or _WITHOUT_A_WORD
                self._refused(client, f"TLS handshake failed: {error}", remedy)
            raise ConnectionResetError from error

    def _refused(self, client: str, reason: str, remedy: str) -> None:
        self._desk.house.journal.client_refused(
            client=client, listener=self._desk.listener.listen, reason=reason, remedy=remedy
        )


def _inside(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, network: ipaddress.IPv4Network | ipaddress.IPv6Network
) -> bool:
    return address.version == network.version and address in network
