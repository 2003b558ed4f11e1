"""Devices that hardly move: `python -m bench.crawl PORT COUNT` holds so many sessions, each somewhere in the dialogue.

Each says one octet a second, for ever: in a command, in a login, in a message, in a TLS handshake. They come from as
many addresses as the relay's ceiling of connections per address needs. The first line printed says that all have
reached their place; when stdin closes, the second says how many are still connected.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
from subprocess import PIPE, Popen
from typing import TYPE_CHECKING, Self

from bench.machine import PROJECT

if TYPE_CHECKING:
    from types import TracebackType

_ENVELOPE = [b"EHLO x", b"MAIL FROM:<a@contoso.example>", b"RCPT TO:<b@contoso.example>", b"DATA"]
PLACES: dict[str, tuple[list[bytes], bytes]] = {
    "in a command": ([], b"EHLO copier"),
    "in a login": ([b"EHLO x", b"AUTH LOGIN"], b"c2Nhbm5lcg"),
    "in a header": (_ENVELOPE, b"X: y"),
    "in a body": ([*_ENVELOPE, b"X: y\r\n"], b"JVBE"),
    "in a TLS handshake": ([b"EHLO x", b"STARTTLS"], b"\x16\x03\x01\x3f\xff"),
}
_PER_ADDRESS = 50
_PAUSE_S = 1.0
_READY_WITHIN_S = 60


class Crowd:
    """The handle of the process. Use as a context manager; the process ends with it, `left` is known then."""

    def __init__(self, port: int, count: int) -> None:
        command = [sys.executable, "-m", "bench.crawl", str(port), str(count)]
        self._process = Popen(command, stdin=PIPE, stdout=PIPE, text=True, cwd=PROJECT)
        self.left = 0

    def __enter__(self) -> Self:
        """Returns when all are where they want to be. Raises `RuntimeError` if they don't get there."""
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            self._process.wait()
            raise RuntimeError("the slow devices did not get to their places, see above")
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        printed, _ = self._process.communicate(timeout=_READY_WITHIN_S)
        self.left = json.loads(printed)["left"] if printed else 0


class _Crawler:
    """One slow device."""

    def __init__(self, number: int, port: int) -> None:
        self._address = f"127.0.1.{1 + number // _PER_ADDRESS}"
        self._port = port
        self._steps, self._octets = list(PLACES.values())[number % len(PLACES)]
        self.gone = False

    async def arrive(self) -> None:
        """Goes to its place, waiting for every reply."""
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self._port, local_addr=(self._address, 0)
        )
        await self._heard()
        for step in self._steps:
            self._writer.write(step + b"\r\n")
            if not step.endswith(b"\n"):
                await self._heard()

    async def crawl(self) -> None:
        """One octet a second, until the relay has had enough."""
        for octet in itertools.cycle(self._octets):
            if self.gone:
                return
            self._writer.write(bytes([octet]))
            await asyncio.sleep(_PAUSE_S)

    async def watch(self) -> None:
        """Notes when the relay has closed, whatever it said before."""
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(4096):
                pass
        self.gone = True

    async def _heard(self) -> None:
        line = b"-" * 4
        while line[3:4] == b"-":
            line = await self._reader.readline()
        if line[:1] not in (b"2", b"3"):
            raise RuntimeError(f"a slow device was sent away: {line!r}")


async def _hold(port: int, count: int) -> int:
    crawlers = [_Crawler(number, port) for number in range(count)]
    async with asyncio.timeout(_READY_WITHIN_S):
        for crawler in crawlers:
            await crawler.arrive()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for crawler in crawlers for work in (crawler.crawl(), crawler.watch())]
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        left = sum(not crawler.gone for crawler in crawlers)
        for task in tasks:
            task.cancel()
    return left


if __name__ == "__main__":
    print(json.dumps({"left": asyncio.run(_hold(int(sys.argv[1]), int(sys.argv[2])))}))
