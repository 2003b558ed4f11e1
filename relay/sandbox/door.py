"""A listening port that can be shut and opened again in the same place, and the connections behind it.

While a door is shut its port stays bound, so that connecting is refused and nobody else is given the number.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable

from relay.sandbox.wire import GoneError, Wire

_BIND_TRIES = 200
_BACKLOG = 512

log = logging.getLogger(__name__)


class Door:
    """One TCP port; every connection is served by `serve(wire)` in a task that the door owns."""

    def __init__(
        self,
        serve: Callable[[Wire], Awaitable[None]],
        *,
        host: str,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        latency: float = 0.0,
    ) -> None:
        self._serve = serve
        self._host = host
        self.port = port
        self._tls = tls
        self._latency = latency
        self._server: asyncio.Server | None = None
        self._held: socket.socket | None = None
        self._talks: dict[asyncio.Task[None], Wire] = {}

    @property
    def is_open(self) -> bool:
        """Whether connections are taken."""
        return self._server is not None

    async def open(self) -> None:
        """Listen; raise OSError when the port is taken. Nothing happens when already open."""
        if self._server is not None:
            return
        sock = self._held or _bound(self._host, self.port)
        self._held = None
        self.port = sock.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._wire, sock=sock, ssl=self._tls, backlog=_BACKLOG)

    async def shut(self) -> None:
        """Stop listening, reset every connection, and keep the port for `open`."""
        await self.close()
        self._held = await _bound_when_free(self._host, self.port)

    async def close(self) -> None:
        """Stop listening and reset every connection; return when their tasks have ended."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._held is not None:
            self._held.close()
            self._held = None
        talks = dict(self._talks)
        for task, wire in talks.items():
            wire.reset()
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)

    def _wire(self) -> Wire:
        return Wire(self._connected, latency=self._latency)

    def _connected(self, wire: Wire) -> None:
        task = asyncio.get_running_loop().create_task(self._talk(wire))
        self._talks[task] = wire
        task.add_done_callback(lambda done: self._talks.pop(done, None))

    async def _talk(self, wire: Wire) -> None:
        try:
            await self._serve(wire)
            await wire.close()
        except GoneError:
            await wire.close()
        except Exception:
            log.exception("the sandbox itself failed in a conversation with %s; the connection is cut", wire.peer)
            wire.reset()
            raise


def _bound(host: str, port: int) -> socket.socket:
    # The protocol is named because asyncio sets TCP_NODELAY only where it is.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


async def _bound_when_free(host: str, port: int) -> socket.socket:
    """Bind as soon as the loop has really closed the listening socket (uvloop needs a turn for it)."""
    for _ in range(_BIND_TRIES):
        try:
            return _bound(host, port)
        except OSError:
            await asyncio.sleep(0.005)
    return _bound(host, port)
