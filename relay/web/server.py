"""The web server in the relay's own loop: uvicorn without its signal handlers, its log and its workers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import uvicorn

from relay.web.pages import application

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from relay.control.running import Control
    from relay.telemetry.journal import Journal

_CONNECTIONS = 64
_IDLE_S = 5
_STOP_S = 1


class _Server(uvicorn.Server):
    """Signals are the switchboard's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Serving:
    """One run of the server, from `run` to `end`."""

    def __init__(self, control: Control, journal: Journal) -> None:
        self._server = _Server(uvicorn.Config(
            application(control, journal), loop="none", http="h11", ws="none", interface="asgi3", lifespan="off",
            log_config=None, access_log=False, server_header=False, limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=_IDLE_S, timeout_graceful_shutdown=_STOP_S,
        ))  # fmt: skip

    async def run(self, door: socket.socket) -> None:
        """Serves on that socket until the end, and closes it."""
        with door:
            await self._server.serve([door])

    def end(self) -> None:
        """Answers under way finish."""
        self._server.should_exit = True
