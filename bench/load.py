"""The devices: `python -m bench.load JOB` sends real mail by real SMTP and prints what it measured as one JSON line.

Each device opens a connection per message and waits for every reply, as printers do (connect, EHLO, MAIL, RCPT, DATA,
QUIT); messages are built before the clock starts. A refusal is counted and reported, never retried. The same generator
serves both peers, in its own process, and does nothing that is not needed: it shares the processors with the peer it
measures.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from bench.machine import PROJECT
from bench.messages import body_of, head_of

SENDER, RECIPIENT = "scanner@contoso.example", "office@contoso.example"
_STEPS = (
    (b"220", b"EHLO copier.contoso.example\r\n"),
    (b"250", f"MAIL FROM:<{SENDER}>\r\n".encode()),
    (b"250", f"RCPT TO:<{RECIPIENT}>\r\n".encode()),
    (b"250", b"DATA\r\n"),
)
_BODY, _STORED, _GOODBYE = len(_STEPS), len(_STEPS) + 1, len(_STEPS) + 2


@dataclass(frozen=True, slots=True)
class Job:
    """So many devices, together sending so many messages of `size` octets to 127.0.0.1:`port`."""

    port: int
    devices: int
    messages: int
    size: int


@dataclass(slots=True)
class Report:
    """What the devices saw: seconds from the first connect to the last 250, and the time each message took."""

    accepted: int
    seconds: float
    octets: int
    latencies_ms: list[float] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Messages accepted per second."""
        return self.accepted / self.seconds

    @property
    def megabytes_per_second(self) -> float:
        """Megabytes (10^6 octets) accepted per second."""
        return self.octets / self.seconds / 1e6

    def percentile_ms(self, share: float) -> float:
        """The time below which this share of messages were accepted, in milliseconds."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def send(job: Job, *, timeout_s: float = 120) -> Report:
    """Runs the job in a process of its own. Raises `RuntimeError` when it fails or refuses to end."""
    command = [sys.executable, "-m", "bench.load", json.dumps(asdict(job))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, cwd=PROJECT)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"the devices were still waiting after {timeout_s:.0f} s: {job}") from error
    if done.returncode:
        raise RuntimeError(f"the load generator failed:\n{done.stderr}")
    fields: dict[str, Any] = json.loads(done.stdout)
    return Report(**fields)


class _Submission(asyncio.Protocol):
    """One message over one connection. `done` gets the time of the last 250, or the refusal's text."""

    def __init__(self, head: bytes, body: bytes, done: asyncio.Future[float | str]) -> None:
        self._parts = (head, body)
        self._done = done
        self._step = 0
        self._reply = b""
        self._stored_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._reply += data
        if not self._reply.endswith(b"\r\n"):
            return
        last = self._reply[self._reply.rfind(b"\n", 0, -1) + 1 :]
        if last[3:4] == b" ":
            self._reply = b""
            self._answer(last)

    def _answer(self, reply: bytes) -> None:
        assert self._transport is not None
        step, self._step = self._step, self._step + 1
        if step < _BODY and reply.startswith(_STEPS[step][0]):
            self._transport.write(_STEPS[step][1])
        elif step == _BODY and reply.startswith(b"354"):
            self._transport.writelines(self._parts)
        elif step == _STORED and reply.startswith(b"250"):
            self._stored_at = time.monotonic()
            self._transport.write(b"QUIT\r\n")
        elif step == _GOODBYE:
            self._transport.close()
            self._finish(self._stored_at)
        else:
            self._transport.abort()
            self._finish(f"step {step}: {reply.decode('latin-1').strip()}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish(self._stored_at or f"connection lost at step {self._step}: {exc}")

    def _finish(self, result: float | str) -> None:
        if not self._done.done():
            self._done.set_result(result)


class _Floor:
    """All devices of one job, drawing from one heap of messages."""

    def __init__(self, job: Job) -> None:
        self._job = job
        run = f"{time.time_ns():x}"
        heads = [head_of(f"{run}.{number}") for number in range(job.messages)]
        self._body = body_of(job.size - len(heads[0])) + b".\r\n"
        self._heads = iter(heads)
        self._last_stored = 0.0
        self.report = Report(accepted=0, seconds=0, octets=0)

    async def work(self) -> None:
        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(self._job.devices):
                group.create_task(self._device())
        self.report.seconds = max(self._last_stored - started, 1e-9)

    async def _device(self) -> None:
        for head in self._heads:
            begun = time.monotonic()
            self._note(begun, await self._submit(head))

    async def _submit(self, head: bytes) -> float | str:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[float | str] = loop.create_future()
        try:
            await loop.create_connection(lambda: _Submission(head, self._body, done), "127.0.0.1", self._job.port)
        except OSError as error:
            return f"no connection: {error}"
        return await done

    def _note(self, begun: float, result: float | str) -> None:
        if isinstance(result, str):
            self.report.refusals.append(result)
            return
        self._last_stored = max(self._last_stored, result)
        self.report.accepted += 1
        self.report.octets += self._job.size
        self.report.latencies_ms.append(round((result - begun) * 1000, 3))


def main() -> None:
    import uvloop

    floor = _Floor(Job(**json.loads(sys.argv[1])))
    gc.collect()
    gc.freeze()
    uvloop.run(floor.work())
    print(json.dumps(asdict(floor.report)))


if __name__ == "__main__":
    main()
