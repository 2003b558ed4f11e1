"""The connection below a session: lines come in and are answered one after the other, as the event loop brings them.

Only what has to wait (DATA, AUTH, STARTTLS) becomes a task, and the next line waits until that has its answer. It is
never cancelled from outside: it ends at the end of its input, so that a message in hand is stored whoever went away.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from relay.smtpd.alarm import Alarm
from relay.smtpd.lines import Lines, LineTooLong

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from relay.message.reply import Reply

    Answer = Reply | bytes | None

_AHEAD = 64 * 1024  # what a client may send ahead; twice that, and it has to wait
_LAST_WORD_S = 5.0  # for a device to read what it was told last


class Connection(asyncio.Protocol, ABC):
    """Knows octets, lines, waiting and closing; what is said is the matter of `Session`."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.transport: Any = None  # an asyncio.Transport while connected
        self._lines = Lines()
        self._alarm = Alarm(self.loop, self._time_is_up)
        self._last_word: asyncio.TimerHandle | None = None
        self._waiting: asyncio.Task[None] | None = None  # for the answer to one command
        self._asked: asyncio.Future[None] | None = None  # within that: for a line
        self._ended: asyncio.Future[None] | None = None
        self._closing = self._gone = False
        self._at_end = self._choked = self._held = self._over = False

    # -- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        try:
            self._begin()
        except Exception as error:  # noqa: BLE001  (as in `_heed`)
            self._fail(error)

    def data_received(self, octets: bytes) -> None:
        self._lines.feed(octets)
        self._heed()
        if not self._held and len(self._lines) > 2 * _AHEAD and self.transport is not None:
            self._held = True
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        self._at_end = True
        self._heed()
        return self._hears_when_half_closed()

    def pause_writing(self) -> None:
        self._choked = True

    def resume_writing(self) -> None:
        self._choked = False
        self._heed()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002  (the signature is asyncio's)
        self._stop_clocks()
        self.transport = None
        self._heed()

    # -- lines and answers

    def _heed(self) -> None:
        """Answers what has come, until a command has to wait."""
        if self._waiting is not None:
            if self._asked is not None and not self._asked.done():
                self._asked.set_result(None)
            return
        try:
            self._go_on()
        except Exception as error:  # noqa: BLE001  (one session's mistake must not reach another, nor the device)
            self._fail(error)
        if self._held:
            self._let_go()

    def _go_on(self) -> None:
        if self.transport is None:
            self._end()
        while self._waiting is None and not (self._closing or self._choked or self._over):
            if self.transport.is_closing() or not self._answered_one():
                return  # what is closing is lost already, and that is told in a moment
        if self._closing and self._waiting is None:
            self._end()

    def _answered_one(self) -> bool:
        """One line is dealt with; False when there is none to be dealt with."""
        try:
            line = self._lines.next()
        except LineTooLong:
            self._say(self._too_long())
            return True
        if line is None or self._gone:
            if line is not None or self._at_end:
                self._end()
            return False
        answer = self._command(line)
        if self._waiting is None:
            self._say(answer)
        return True

    def _wait_for(self, answer: Coroutine[Any, Any, Answer]) -> Answer:
        """No line is looked at before this one has its answer; there is none yet."""
        self._waiting = self.loop.create_task(self._until_answered(answer))
        return None

    async def _until_answered(self, answer: Coroutine[Any, Any, Answer]) -> None:
        try:
            words = await answer
            self._waiting = None
            if self._gone:
                self._end()
            else:
                self._say(words)
        except Exception as error:  # noqa: BLE001  (as in `_heed`)
            self._waiting = None
            self._fail(error)
        self._heed()

    async def _next_line(self) -> bytes:
        """For who waits. Raises what `Lines.next` does, and `ConnectionError` at the end of input."""
        while (line := self._lines.next()) is None:
            if self._at_end or self.transport is None:
                raise ConnectionResetError("end of input")
            if self._held:  # a line that is too long was dropped
                self._let_go()
            self._asked = self.loop.create_future()
            await self._asked
            self._asked = None
        if self._held:
            self._let_go()
        return line

    def _take_lines(self) -> bytes:
        ahead = self._lines.take_all()
        if self._held:
            self._let_go()
        return ahead

    def _let_go(self) -> None:
        """Reads on when there is room again."""
        if len(self._lines) <= _AHEAD and self.transport is not None:
            self._held = False
            self.transport.resume_reading()

    # -- its end

    @property
    def ended(self) -> asyncio.Future[None]:
        """Done when nothing of the session is under way."""
        if self._ended is None:
            self._ended = self.loop.create_future()
            if self._over:
                self._ended.set_result(None)
        return self._ended

    def abort(self) -> None:
        """Drops the connection."""
        if self.transport is not None:
            self.transport.abort()

    def _fail(self, error: Exception) -> None:
        try:
            self._broke(error)
        finally:
            self._end()

    def _end(self) -> None:
        if self._over:
            return
        self._over = True
        self._part()
        self._left()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def _part(self) -> None:
        """Closes, and does not wait for ever for a device that reads nothing of what it was told."""
        self._stop_clocks()  # here too: after a failed handshake nobody tells us that the connection is lost
        if self.transport is not None:
            if not self.transport.is_closing():  # asyncio's TLS transport breaks when it is closed twice
                self.transport.close()
            if self.transport.get_write_buffer_size():
                self._last_word = self.loop.call_later(_LAST_WORD_S, self.transport.abort)

    def _stop_clocks(self) -> None:
        self._alarm.stop()
        if self._last_word is not None:
            self._last_word.cancel()
            self._last_word = None

    # -- what a session is

    @abstractmethod
    def _begin(self) -> None:
        """The connection stands."""

    @abstractmethod
    def _command(self, line: bytes) -> Answer:
        """The answer, or what it waits for is under way (`_wait_for`)."""

    @abstractmethod
    def _too_long(self) -> Answer:
        """The answer to a line that is too long."""

    @abstractmethod
    def _say(self, answer: Answer) -> None:
        """An answer is there."""

    @abstractmethod
    def _broke(self, error: Exception) -> None:
        """The session ends in the middle, by what the device or the network did, or a mistake of ours."""

    @abstractmethod
    def _time_is_up(self) -> None:
        """The time last set in `_alarm` is over."""

    @abstractmethod
    def _left(self) -> None:
        """The session is over."""

    @abstractmethod
    def _hears_when_half_closed(self) -> bool:
        """Whether a device that has closed its half can still hear an answer."""
