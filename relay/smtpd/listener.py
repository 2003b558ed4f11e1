"""The sockets the relay accepts mail on, and the sessions that hang on them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from relay.smtpd.activation import Passed, bound, printed
from relay.smtpd.desk import Desk, House
from relay.smtpd.porch import Porch, has_porch
from relay.smtpd.session import Session

if TYPE_CHECKING:
    import socket

    from relay.config.settings import Listener

_BACKLOG = 512
_LAST_S = 5.0  # for what a cut session still has on its way to the disk


class Server:
    """Accepts on every configured listener. Stops in order: no new sessions, those in hand finish, the rest is cut."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._servers: list[asyncio.Server | Porch] = []
        self._sessions: set[Session] = set()

    async def open(self, listeners: tuple[Listener, ...], passed: Passed | None = None) -> list[str]:
        """Opens all listeners, on sockets that systemd passed where there are; returns the addresses as bound.

        Raises `OSError` naming the address.
        """
        passed = passed or Passed([])
        addresses: list[str] = []
        try:
            for listener in listeners:
                for door in passed.take(listener) or _bound(listener):
                    addresses.append(printed(door.getsockname()))
                    self._servers.append(await self._serve(listener, door))
        except OSError:
            await self.close(0)
            raise
        return addresses

    async def _serve(self, listener: Listener, door: socket.socket) -> asyncio.Server | Porch:
        desk = Desk(self._house, listener)
        if has_porch(listener):
            return Porch(desk, self._sessions, door)
        return await asyncio.get_running_loop().create_server(
            lambda: Session(desk, self._sessions), sock=door, backlog=_BACKLOG
        )

    async def close(self, deadline_s: float) -> int:
        """Ends within the deadline; returns how many sessions had to be cut."""
        self._house.stopping = True
        self._house.guard.release()
        self._house.patience.release()
        for server in self._servers:
            server.close()
        for session in list(self._sessions):
            session.stop()
        left = await self._wait(deadline_s)
        for session in left:
            session.abort()
        await self._wait(_LAST_S)
        return len(left)

    async def _wait(self, seconds: float) -> list[Session]:
        if sessions := [session.ended for session in self._sessions]:
            await asyncio.wait(sessions, timeout=seconds)
        return list(self._sessions)


def _bound(listener: Listener) -> list[socket.socket]:
    try:
        return bound(listener.host, listener.port, _BACKLOG)
    except OSError as error:
        raise OSError(error.errno, f"can't listen on {listener.listen}: {error.strerror or error}") from error
