"""DATA: octets go from the socket into one buffer and on to the spool, with as few copies and as few steps as possible.

For the time of one message a buffered protocol takes the connection over from the line reader, and gives it back with
whatever the client sent behind the end of data.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from relay.message.content import Content
from relay.message.header import HeaderTooLarge
from relay.spool.store import SpoolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.spool.store import Draft

_IN_FLIGHT = 4 << 20
_SHARE_MIN, _SHARE_MAX = 1 << 16, 1 << 18


class DeviceGone(ConnectionError):  # noqa: N818  (named for what happened)
    """The connection ended before the end of data: the message was never handed over."""


class Flight:
    """What all messages on their way in may have waiting for the disk together; each gets an equal share."""

    def __init__(self) -> None:
        self.messages = 0

    @property
    def share(self) -> int:
        """Octets one message may have waiting before its device has to wait too."""
        return min(_SHARE_MAX, max(_SHARE_MIN, _IN_FLIGHT // max(1, self.messages)))


class Intake(asyncio.BufferedProtocol):
    """Reads one message into a draft. `done` ends when the end of data has come, or fails with `DeviceGone`.

    A message that can't be kept (too large, header too large, disk) is read to its end all the same, because devices
    look for an answer only there; `failure` says why.
    """

    def __init__(
        self, draft: Draft, limit: int, flight: Flight, owner: asyncio.BaseProtocol, alive: Callable[[int], None]
    ) -> None:
        self._draft = draft
        self._limit = limit
        self._flight = flight
        self._owner = owner
        self._alive = alive
        self._transport: asyncio.Transport | None = None
        self._relief: asyncio.Task[None] | None = None
        self.content = Content()
        self.size = 0
        self.too_large = False
        self.failure: SpoolError | HeaderTooLarge | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def read(self, transport: asyncio.Transport | None, early: bytes) -> bytes:
        """Takes the connection until the end of data; returns what the client sent behind it. Raises `DeviceGone`."""
        while early and not self.content.complete:
            early = self.content.put(early)
            self._emptied()
        if not self.content.complete:
            await self._from_socket(transport)
        if self._relief is not None:
            await self._relief
        return self.content.rest() + early

    async def _from_socket(self, transport: asyncio.Transport | None) -> None:
        if transport is None or transport.is_closing():
            raise DeviceGone("the device closed the connection before the end of data")
        self._transport = transport
        transport.pause_reading()
        transport.set_protocol(self)
        transport.resume_reading()
        self._flight.messages += 1
        try:
            await self.done
        finally:
            self._flight.messages -= 1
            if not transport.is_closing():
                transport.set_protocol(self._owner)
                transport.resume_reading()

    def _emptied(self) -> None:
        """Hands decoded octets on when the buffer is nearly full or the message complete."""
        if not (self.content.complete or self.content.full):
            return
        chunk = self.content.take()
        self.size += len(chunk)
        self.too_large = self.too_large or self.size > self._limit
        if self.too_large or self.failure is not None:
            return
        try:
            self._draft.write(chunk)
        except HeaderTooLarge as error:
            self.failure = error

    # -- what the event loop calls

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  (the signature is asyncio's)
        return self.content.space()

    def buffer_updated(self, nbytes: int) -> None:
        complete = self.content.filled(nbytes)
        self._emptied()
        if complete:
            if self._transport is not None:
                self._transport.pause_reading()
            if not self.done.done():
                self.done.set_result(None)
        else:
            self._alive(nbytes)
            self._hold_back()

    def _hold_back(self) -> None:
        """Stops reading while the disk is behind, so that memory does not grow with the size of a message."""
        if self._relief is None and self._draft.backlog > self._flight.share and self._transport is not None:
            self._transport.pause_reading()
            self._relief = asyncio.get_running_loop().create_task(self._until_relieved(self._transport))

    async def _until_relieved(self, transport: asyncio.Transport) -> None:
        try:
            await self._draft.relieved()
        except SpoolError as error:
            self.failure = self.failure or error
        except Exception as error:  # noqa: BLE001  (reading must go on to the end of data, where the device looks)
            self.failure = self.failure or SpoolError(repr(error))
        self._relief = None
        if not self.done.done() and not transport.is_closing():
            self._alive(0)
            transport.resume_reading()

    def eof_received(self) -> bool:
        self._lost()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._lost()
        self._owner.connection_lost(error)

    def _lost(self) -> None:
        if not self.done.done():
            self.done.set_exception(DeviceGone("the device closed the connection before the end of data"))

    def pause_writing(self) -> None:
        self._owner.pause_writing()

    def resume_writing(self) -> None:
        self._owner.resume_writing()
