"""Accepts on one socket and shakes hands; only then the web server hears of a connection.

Who connects and says nothing holds a place among a few and is sent away for who comes later: descriptors belong to the
mail. The certificate is looked up for each handshake, so that a reload needs no new listener.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_MOST_ARRIVING = 32
_HANDSHAKE_S = 10.0
_BREATH_S = 0.5  # when the system has no descriptors left


class TlsDoor:
    """Stands where uvicorn expects an `asyncio.Server`."""

    def __init__(
        self, door: socket.socket, connection: Callable[[], asyncio.Protocol], certificate: Callable[[], ssl.SSLContext]
    ) -> None:
        self._door = door.dup()  # uvicorn closes its own before the loop has let go of it
        self._connection = connection
        self._context = _context(certificate)
        self._loop = asyncio.get_running_loop()
        self._arriving: dict[asyncio.Task[None], None] = {}
        self._accepting = self._loop.create_task(self._accept(), name="https")
        self._accepting.add_done_callback(lambda _: self._door.close())

    def close(self) -> None:
        """No new connections; handshakes under way end."""
        self._accepting.cancel()
        for task in self._arriving:
            task.cancel()

    async def wait_closed(self) -> None:
        """Returns when nobody arrives any more."""
        await asyncio.gather(self._accepting, *self._arriving, return_exceptions=True)

    async def _accept(self) -> None:
        while True:
            try:
                connection, _ = await self._loop.sock_accept(self._door)
            except OSError:
                await asyncio.sleep(_BREATH_S)
                continue
            task = self._loop.create_task(self._arrive(connection))
            self._arriving[task] = None
            task.add_done_callback(lambda done: self._arriving.pop(done))
            if len(self._arriving) > _MOST_ARRIVING:
                next(iter(self._arriving)).cancel()

    async def _arrive(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._connection, connection, ssl=self._context, ssl_handshake_timeout=_HANDSHAKE_S
            )
        except OSError:
            connection.close()  # it does not trust the certificate, or speaks no TLS: the browser says so
        except BaseException:
            connection.close()
            raise


def _context(certificate: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Has no certificate of its own: each handshake takes the one in force."""

    def chosen(connection: Any, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = certificate()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.sni_callback = chosen  # called without a name too
    return context
