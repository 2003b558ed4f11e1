"""How a session says things, asks for one line, and does what a fault tells it instead.

`HangUpError` ends the session in good order, `GoneError` because the client has left or was cut off.
"""

import asyncio
from collections.abc import Callable

from relay.sandbox.faults import Fault, Faults
from relay.sandbox.wire import GoneError, LineTooLongError, Wire


class HangUpError(Exception):
    """The session is over: close in good order."""


class Speaker:
    """One session's mouth; `fill` completes what a fault says, `idle_s` is how long an answer may take."""

    def __init__(self, wire: Wire, faults: Faults, fill: Callable[[str], str], *, idle_s: float) -> None:
        self._wire = wire
        self._faults = faults
        self._fill = fill
        self._idle_s = idle_s

    def say(self, reply: str) -> None:
        """Send a reply in one write, however many lines it has."""
        self._wire.write(reply.encode() + b"\r\n")

    async def ask(self, prompt: str) -> str:
        """Send a prompt and return the client's next line."""
        self.say(prompt)
        try:
            async with asyncio.timeout(self._idle_s):
                return (await self._wire.read_line()).decode("utf-8", "replace").strip()
        except (TimeoutError, LineTooLongError):
            raise HangUpError from None

    async def suffer(self, fault: Fault) -> bool:
        """Do what a fault says; True when the answer is given, False when the session goes on as usual."""
        match fault.action:
            case "delay":
                await asyncio.sleep(fault.seconds)
                return False
            case "hang":
                await self._hang(fault)
                return False
            case "drop":
                self._wire.reset()
                raise GoneError
        self.say(self._fill(fault.reply))
        if fault.close:
            raise HangUpError
        return True

    async def _hang(self, fault: Fault) -> None:
        """Say nothing until the fault is removed; one that travels with a message lasts until the client leaves."""
        left = asyncio.ensure_future(self._wire.gone.wait())
        released = asyncio.ensure_future(self._faults.released(fault) if fault.id else _never())
        try:
            await asyncio.wait({left, released}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()
            released.cancel()
        if self._wire.gone.is_set():
            raise GoneError


async def _never() -> None:
    await asyncio.Event().wait()
