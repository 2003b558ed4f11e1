"""A wire with faults: a TCP proxy before Exchange that resets, blackholes or rewrites a connection at an octet.

`cuts` are used up, one connection each; without one, the connection is honest. Direction `up` is what the relay says;
`rewrite` changes what Exchange says.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Callable

Direction = Literal["up", "down"]
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: close() answers with RST and forgets what was not sent


@dataclass(frozen=True)
class Cut:
    """What happens when so many octets have gone in a direction; the next one does not get through."""

    direction: Direction
    after: int
    how: Literal["reset", "silence"] = "reset"


class Proxy:
    """Listens on loopback for one server. `up` holds what relays said in the clear and in cipher, connection by
    connection.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.rewrite: Callable[[bytes], bytes] = bytes
        self._server: asyncio.Server
        self._wires: set[_Wire] = set()
        self._carrying: set[asyncio.Task[None]] = set()
        self.cuts: deque[Cut] = deque()
        self.struck = 0
        self.up: list[bytearray] = []
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.reset_all()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    def lead_to(self, port: int) -> None:
        """From the next connection on there is another server behind this wire."""
        self._target = (self._target[0], port)

    def reset_all(self) -> None:
        """Resets every connection, as a firewall that lost its table."""
        for wire in list(self._wires):
            wire.reset()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        cut = self.cuts.popleft() if self.cuts else None
        self.up.append(bytearray())
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):  # asyncio's server would print the latter
                there = await asyncio.open_connection(*self._target)
                await self._carry(_Wire((reader, writer), there, cut), self.up[-1])
        finally:
            writer.transport.abort()
            self._carrying.discard(task)

    async def _carry(self, wire: _Wire, said: bytearray) -> None:
        self._wires.add(wire)
        try:
            await wire.carry(self.rewrite, said)
        finally:
            self.struck += wire.struck
            self._wires.discard(wire)


def without_starttls(octets: bytes) -> bytes:
    """For `rewrite`: EHLO's answer with STARTTLS crossed out, as firewalls do that inspect SMTP."""
    return octets.replace(b"250-STARTTLS", b"250-" + b"X" * len("STARTTLS"))


class _Wire:
    """One connection: two directions, and at most one thing that goes wrong."""

    def __init__(
        self,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        cut: Cut | None,
    ) -> None:
        self._near, self._far, self._cut = near, far, cut
        self._silent = asyncio.Event()
        self.struck = False

    async def carry(self, rewrite: Callable[[bytes], bytes], said: bytearray) -> None:
        """Until one side ends; in silence, until the relay gives up."""
        up = self._pump("up", self._near[0], self._far[1], _noted(said))
        down = self._pump("down", self._far[0], self._near[1], rewrite)
        both = [asyncio.ensure_future(one) for one in (up, down)]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            for _, writer in (self._near, self._far):
                writer.transport.abort() if self.struck else writer.close()

    async def _pump(
        self,
        direction: Direction,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        change: Callable[[bytes], bytes],
    ) -> None:
        left = self._cut.after if self._cut and self._cut.direction == direction else None
        if left == 0:
            await self._strike(reader)
            return
        while octets := change(await reader.read(65_536)):
            if self._silent.is_set():
                continue
            passed = octets if left is None else octets[:left]
            writer.write(passed)
            await writer.drain()
            if left is not None:
                left -= len(passed)
                if left == 0:
                    await self._strike(reader)
                    return

    async def _strike(self, reader: asyncio.StreamReader) -> None:
        """RST to both sides; or from now on nothing gets through, and the relay finds that out by itself."""
        assert self._cut is not None
        self.struck = True
        if self._cut.how == "reset":
            self.reset()
            return
        self._silent.set()
        while await reader.read(65_536):
            pass
        await asyncio.Event().wait()

    def reset(self) -> None:
        """RST to both sides, now."""
        for _, writer in (self._near, self._far):
            wire = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            writer.transport.abort()


def _noted(said: bytearray) -> Callable[[bytes], bytes]:
    """Passes octets on and keeps the first of them."""

    def note(octets: bytes) -> bytes:
        said.extend(octets[: max(0, 65_536 - len(said))])
        return octets

    return note
