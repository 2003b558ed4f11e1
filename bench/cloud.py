"""The fake cloud as a process: `python -m bench.cloud SERVER.pem`, ruled by JSON lines on stdin, answering on stdout.

The first line it prints names its ports. Orders: `reset` (latency, held), `wait` (count, timeout_s) answers when so
many messages have arrived or the time is up, `arrivals` gives the times. It ends when stdin closes, so it cannot
outlive a run.
"""

from __future__ import annotations

import asyncio
import gc
import json
import ssl
import sys
from contextlib import suppress
from dataclasses import dataclass
from subprocess import PIPE, Popen
from typing import TYPE_CHECKING, Any, Self

from bench.entra import answerer
from bench.machine import PROJECT
from bench.upstream import Conversation, Desk

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

Order = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What had arrived at the fake Exchange Online when it was asked; times are of `time.monotonic`."""

    count: int
    octets: int
    peak_connections: int
    arrivals: tuple[float, ...] = ()


class Cloud:
    """The handle of the process. Use as a context manager; the process ends with it."""

    def __init__(self, server_pem: Path) -> None:
        command = [sys.executable, "-m", "bench.cloud", str(server_pem)]
        self._process = Popen(command, stdin=PIPE, stdout=PIPE, text=True, cwd=PROJECT)
        ports = self._read()
        self.smtp_port = int(ports["smtp_port"])
        self.entra_port = int(ports["entra_port"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def reset(self, *, latency_s: float = 0.0, held: bool = False) -> None:
        """Starts counting anew, with this round-trip latency; `held` greets nobody until the next reset."""
        self._ask({"do": "reset", "latency": latency_s, "held": held})

    def wait(self, count: int, timeout_s: float) -> Delivered:
        """Blocks until `count` messages have arrived or the time is up; says how many there are."""
        return Delivered(**self._ask({"do": "wait", "count": count, "timeout_s": timeout_s}))

    def arrivals(self) -> Delivered:
        """What has arrived since the last reset, with the time of every message."""
        answer = self._ask({"do": "arrivals"})
        answer["arrivals"] = tuple(answer["arrivals"])
        return Delivered(**answer)

    def _ask(self, order: Order) -> Order:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Order:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the fake cloud has died; its own error is above")
        answer: Order = json.loads(line)
        return answer


class _Clerk:
    """Carries out the orders of the other end."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._wanted = 0
        self._reached = asyncio.Event()
        desk.on_arrival = self._look

    async def obey(self, order: Order) -> Order:
        if order["do"] == "reset":
            self._desk.reset(order["latency"], held=order["held"])
        elif order["do"] == "wait":
            await self._wait(order["count"], order["timeout_s"])
        answer: Order = {"count": len(self._desk.arrivals), "octets": self._desk.octets}
        answer["peak_connections"] = self._desk.peak_connections
        if order["do"] == "arrivals":
            answer["arrivals"] = self._desk.arrivals
        return answer

    async def _wait(self, count: int, timeout_s: float) -> None:
        self._wanted = count
        self._reached.clear()
        self._look()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._reached.wait(), timeout_s)

    def _look(self) -> None:
        if len(self._desk.arrivals) >= self._wanted:
            self._reached.set()


def _server_tls(server_pem: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_pem)
    return context


async def _serve(server_pem: str) -> None:
    loop = asyncio.get_running_loop()
    tls = _server_tls(server_pem)
    desk = Desk(tls)
    smtp = await loop.create_server(lambda: Conversation(desk), "127.0.0.1", 0, backlog=1024)
    port = 0
    entra = await asyncio.start_server(answerer(lambda: f"https://localhost:{port}"), "127.0.0.1", 0, ssl=tls)
    port = entra.sockets[0].getsockname()[1]
    _say({"smtp_port": smtp.sockets[0].getsockname()[1], "entra_port": port})
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    clerk = _Clerk(desk)
    async for line in orders:
        _say(await clerk.obey(json.loads(line)))
    smtp.close()
    entra.close()


def _say(answer: Order) -> None:
    print(json.dumps(answer), flush=True)


def main() -> None:
    import uvloop

    gc.freeze()
    uvloop.run(_serve(sys.argv[1]))


if __name__ == "__main__":
    main()
