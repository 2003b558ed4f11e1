"""The listener for probes, status and metrics: opened after those for devices, and closed before them.

Whatever goes wrong here (the port is taken, a library is missing, a page has a fault) is journalled as
`http.failed` and costs the pages alone. The web server is imported when it is wanted, in a thread, so that the relay
greets before.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config.dashboard import Http
    from relay.control.running import Control
    from relay.telemetry.journal import Journal
    from relay.web.guard import Guard

_BACKLOG = 64
_STOP_S = 2.0


class WebDoor:
    """At most one web server, where the configuration wants it."""

    def __init__(self, control: Control, journal: Journal) -> None:
        self._control = control
        self._journal = journal
        self._wanted: Http | None = None
        self._serving: asyncio.Task[None] | None = None
        self._end: Callable[[], None] = lambda: None
        self._guard: Guard | None = None  # outlives a listener: who is signed in stays so

    def open(self, wanted: Http) -> None:
        """Begins to serve as wanted, now or after a reload. Returns at once, never raises."""
        if wanted == self._wanted and self._serving is not None and not self._serving.done():
            return
        before, end = self._serving, self._end
        self._wanted, self._end = wanted, lambda: None
        work = self._serve(wanted.listen, before, end)
        self._serving = asyncio.get_running_loop().create_task(work, name="http")

    async def close(self) -> None:
        """Ends within a short time, whatever the pages do."""
        if self._serving is not None:
            await _ended(self._serving, self._end)

    async def _serve(self, listen: str, before: asyncio.Task[None] | None, end: Callable[[], None]) -> None:
        if before is not None:
            await _ended(before, end)
        if not listen:
            return
        try:
            door = await asyncio.to_thread(bound, listen)  # a host's name is looked up
            server = await asyncio.to_thread(import_module, "relay.web.server")
            self._guard = self._guard or server.Guard(self._control)
            serving = server.Serving(self._control, self._journal, self._guard)
            self._end = serving.end
            self._journal.service("http.listening", address=printed(door))
            await self._guard.invite(printed(door))
            await serving.run(door)
        except Exception as error:  # noqa: BLE001  (mail goes on whatever the web does)
            self._failed(listen, error)
        except SystemExit as error:  # uvicorn's way to say that it could not start
            self._failed(listen, error)

    def _failed(self, listen: str, error: BaseException) -> None:
        self._journal.service(
            "http.failed", level="error", reason=f"{listen}: {error}" if isinstance(error, OSError) else repr(error),
            remedy="mail goes on without probes and metrics; name a free address in http.listen, or none, then reload",
        )  # fmt: skip


def bound(listen: str) -> socket.socket:
    """The listening socket. Raises `OSError`."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    door = socket.create_server((host, int(port)), family=family, backlog=_BACKLOG)
    door.setblocking(False)
    return door


def printed(door: socket.socket) -> str:
    """A socket's address as the configuration writes it."""
    host, port = door.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _ended(serving: asyncio.Task[None], end: Callable[[], None]) -> None:
    end()
    _, late = await asyncio.wait({serving}, timeout=_STOP_S)
    for task in late:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
