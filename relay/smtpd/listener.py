"""The sockets the relay accepts mail on, and the sessions that hang on them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from relay.config.settings import ListenerTls
from relay.smtpd.desk import Desk, House
from relay.smtpd.session import Session

if TYPE_CHECKING:
    import ssl

    from relay.config.settings import Listener

_BACKLOG = 512
_LAST_S = 5.0  # for what a cut session still has on its way to the disk


class Server:
    """Accepts on every configured listener. Stops in order: no new sessions, those in hand finish, the rest is cut."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._servers: list[asyncio.Server] = []
        self._sessions: set[Session] = set()

    async def open(self, listeners: tuple[Listener, ...]) -> list[str]:
        """Binds all listeners; returns the addresses as bound. Raises `OSError` naming the address."""
        try:
            for listener in listeners:
                self._servers.append(await self._bind(listener))
        except OSError:
            await self.close(0)
            raise
        return [_printed(socket.getsockname()) for server in self._servers for socket in server.sockets]

    async def _bind(self, listener: Listener) -> asyncio.Server:
        desk = Desk(self._house, listener)
        context = self._house.rules.tls if listener.tls is ListenerTls.IMPLICIT else None
        if context is not None:
            context.sni_callback = self._newest_certificate
        loop = asyncio.get_running_loop()
        try:
            return await loop.create_server(
                lambda: Session(desk, self._sessions), listener.host, listener.port,
                ssl=context, backlog=_BACKLOG, reuse_address=True,
            )  # fmt: skip
        except OSError as error:
            raise OSError(error.errno, f"can't listen on {listener.listen}: {error.strerror or error}") from error

    def _newest_certificate(self, tls: ssl.SSLObject, _name: str | None, _bound: ssl.SSLContext) -> None:
        """The socket keeps the context it was bound with; a reload may have brought another certificate."""
        if self._house.rules.tls is not None:
            tls.context = self._house.rules.tls

    async def close(self, deadline_s: float) -> int:
        """Ends within the deadline; returns how many sessions had to be cut."""
        self._house.stopping = True
        self._house.guard.release()
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
        if dialogues := [session.dialogue for session in self._sessions]:
            await asyncio.wait(dialogues, timeout=seconds)
        return list(self._sessions)


def _printed(name: tuple[str, int] | tuple[str, int, int, int]) -> str:
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"
