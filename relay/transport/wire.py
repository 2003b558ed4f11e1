"""The signed-in connection as an asyncio protocol: replies come out one by one, writing waits for room.

It takes over where aiosmtplib has signed in, because that library waits for each answer and copies the whole message:
here commands and body leave in one flight, and the answers are collected behind.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, cast

from relay.transport.replies import GarbledReplyError, ReplyParser

if TYPE_CHECKING:
    from relay.message.reply import Reply
    from relay.message.transcript import Conversation

HIGH_WATER = 256 * 1024  # what may wait in memory per session


class WireError(Exception):
    """The connection gives no more answers; the message says why."""


class Wire(asyncio.Protocol):
    """One connection. Everything here happens in one loop, for one user at a time."""

    def __init__(self, transport: asyncio.Transport, talk: Conversation) -> None:
        """`talk` is what was said before, and goes on here."""
        self.talk = talk
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._parser = ReplyParser()
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._broken = ""
        self._paused = False
        self._gone = asyncio.Event()
        transport.set_write_buffer_limits(high=HIGH_WATER)
        transport.set_protocol(self)
        if transport.is_closing():
            self.connection_lost(None)

    @property
    def alive(self) -> bool:
        return not self._broken and not self._transport.is_closing()

    @property
    def unread(self) -> bool:
        """Whether a reply has come that nobody has taken yet."""
        return bool(self._replies)

    def write(self, data: bytes) -> None:
        """Hands bytes to the transport. Raises `WireError` when the connection is gone and left no reply to read."""
        if self.alive:
            self._transport.write(data)
        elif not self._replies:
            raise WireError(self._broken or "the connection is closed")

    def say(self, *commands: bytes) -> None:
        """Writes commands, in one piece. Raises as `write`."""
        self.talk.client(*commands)
        self.write(b"".join(commands))

    async def room(self, timeout_s: float) -> None:
        """Returns when more may be written, or as soon as there is a reply to read. Raises `WireError`."""
        deadline = self._loop.time() + timeout_s
        while self._paused and not self._replies and not self._broken:
            await self._change(deadline, f"took no data for {timeout_s:g} s")
        if self._broken and not self._replies:
            raise WireError(self._broken)

    async def reply(self, timeout_s: float) -> Reply:
        """The next reply in order; what arrived before the end of the connection is still given. Raises `WireError`."""
        if not self._replies:
            await self._heard(timeout_s)
        reply = self._replies.popleft()
        self.talk.server(reply)
        return reply

    async def _heard(self, timeout_s: float) -> None:
        deadline = self._loop.time() + timeout_s
        while not self._replies:
            if self._broken:
                raise WireError(self._broken)
            await self._change(deadline, f"no answer within {timeout_s:g} s")

    async def hang_up(self, within_s: float) -> None:
        """QUIT, and the connection is closed when this returns, politely or not. Never raises but on cancellation."""
        try:
            async with asyncio.timeout(within_s):
                await self._say_goodbye()
        except (WireError, TimeoutError):
            pass
        finally:
            self._transport.abort()

    def abort(self) -> None:
        self._transport.abort()

    async def _say_goodbye(self) -> None:
        self.write(b"QUIT\r\n")
        await self.reply(60)
        self._transport.close()
        await self._gone.wait()

    async def _change(self, deadline: float, complaint: str) -> None:
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_at(deadline, self._give_up, waiter, complaint)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None

    @staticmethod
    def _give_up(waiter: asyncio.Future[None], complaint: str) -> None:
        if not waiter.done():
            waiter.set_exception(WireError(complaint))

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """uvloop may announce the transport once more when it changes hands."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._broken:
            return
        try:
            self._replies.extend(self._parser.feed(data))
        except GarbledReplyError as exc:
            self._broken = str(exc)
            self._transport.abort()
        self._wake()

    def eof_received(self) -> bool:
        self._broken = self._broken or "the other side closed the connection"
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._broken = self._broken or f"the connection was lost{f': {exc}' if exc else ''}"
        self._gone.set()
        self._wake()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._wake()
