"""The web server in the relay's own loop: uvicorn without its signal handlers, its log and its workers.

Descriptors belong to the mail: connections are few, one that asks nothing makes room for one that does, and one on
which nothing happens is cut.
"""

from __future__ import annotations

import asyncio
import contextlib
from email.utils import formatdate
from itertools import count
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from relay.web.application import application
from relay.web.guard import Guard
from relay.web.tls_door import TlsDoor

__all__ = ["Guard", "Serving"]

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Iterator
    from typing import Any

    from relay.control.running import Control
    from relay.telemetry.journal import Journal

_CONNECTIONS = 64
_IDLE_S = 5
_PATIENCE_S = 20.0
_STOP_S = 1


class _Connection(H11Protocol):
    """Uvicorn itself waits for ever for a request, and for a client to read its answer."""

    _numbers = count()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.number = next(self._numbers)
        self._drained = 0
        super().connection_made(transport)
        self._timer = self.loop.call_later(_PATIENCE_S, self._look, self._standing)
        if len(self.connections) > _CONNECTIONS:
            others: Any = (one for one in self.connections if one is not self)
            least = min(others, key=lambda one: (one.busy, one.number))
            self.connections.discard(least)
            least.transport.abort()

    def data_received(self, data: bytes) -> None:
        self.server_state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        super().data_received(data)

    def resume_writing(self) -> None:
        self._drained += 1
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    @property
    def busy(self) -> bool:
        """Whether an answer is under way."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _standing(self) -> tuple[object, int, int]:
        """What another request, or octets of the answer that were taken, would change."""
        return self.cycle, self._drained, self.transport.get_write_buffer_size()

    @property
    def _our_turn(self) -> bool:
        """Whether the client waits for us: for an order to much mail, a disk."""
        return self.busy and not self.cycle.more_body and not self.transport.get_write_buffer_size()

    def _look(self, before: tuple[object, int, int]) -> None:
        """Something must have happened since the look before."""
        if self._standing == before and not self._our_turn:
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(_PATIENCE_S, self._look, self._standing)


class _Server(uvicorn.Server):
    """Signals, certificate and end are the switchboard's: uvicorn wakes ten times a second to look for its end."""

    def __init__(self, config: uvicorn.Config, certificate: Callable[[], ssl.SSLContext] | None) -> None:
        super().__init__(config)
        self._certificate = certificate
        self.ended = asyncio.Event()

    async def main_loop(self) -> None:
        await self.ended.wait()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it, but for TLS."""
        if self._certificate is None or not sockets:
            await super().startup(sockets)
            return
        doors: list[Any] = [TlsDoor(one, self._connection, self._certificate) for one in sockets]
        self.servers = doors
        self.started = True

    def _connection(self) -> asyncio.Protocol:
        return _Connection(self.config, self.server_state, self.lifespan.state)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Serving:
    """One run of the server, from `run` to `end`."""

    def __init__(self, control: Control, journal: Journal, guard: Guard) -> None:
        self._server = _Server(uvicorn.Config(
            application(control, journal, guard), loop="none", http=_Connection, ws="none", interface="asgi3",
            lifespan="off", log_config=None, access_log=False, server_header=False,
            proxy_headers=False,  # who has connected is the peer; whom a proxy names is decided by relay.web.origin
            timeout_keep_alive=_IDLE_S, timeout_graceful_shutdown=_STOP_S,
        ), control.certificate if control.settings.http.tls else None)  # fmt: skip

    async def run(self, door: socket.socket) -> None:
        """Serves on that socket until the end, and closes it."""
        with door:
            await self._server.serve([door])

    def end(self) -> None:
        """Answers under way finish."""
        self._server.should_exit = True
        self._server.ended.set()
