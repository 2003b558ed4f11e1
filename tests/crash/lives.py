"""The relay as a process that is started, killed and started again on the same spool: each start is one life."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from typing import TYPE_CHECKING, Any, Self

from relay.config.loader import load
from relay.control.queue import open_queue
from tests.certificate import keep
from tests.crash.pretend import MAILBOXES
from tests.forked import Forked, can_be_forked, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from relay.control.queue import QueueItem, QueueRow
    from tests.crash.devices import Letter
    from tests.crash.pretend import Pretend

WAIT_S = 60.0
_LONG_LINE = 1 << 20
CONFIG = """\
data_dir: {data_dir}
hostname: relay.test
listeners: [{{listen: "127.0.0.1:0", tls: none}}]
apps:
  sandbox:
    tenant: {tenant}
    client_id: {client_id}
    credential: {{secret: {{file: "{secret_file}"}}}}
    authority: {authority}
    scope: {scope}
    ca_file: "{ca_file}"
profiles:
  pipes: {{app: sandbox, mailbox: {mailboxes[0]}, from: mailbox, endpoint: {endpoint}}}
  dots: {{app: sandbox, mailbox: {mailboxes[1]}, from: mailbox, endpoint: {endpoint}, chunking: false}}
  steps: {{app: sandbox, mailbox: {mailboxes[2]}, from: mailbox, endpoint: {endpoint}, pipelining: false}}
devices:
  copiers: {{address: 127.0.1.0/24, profile: pipes}}
  scanners: {{address: 127.0.2.0/24, profile: dots}}
  faxes: {{address: 127.0.3.0/24, profile: steps}}
limits: {{sessions: 3, messages_per_minute: 0}}
spool: {{min_free_bytes: 0}}
delivery: {{retry_s: [0.2, 0.5, 1], recheck_s: 1, connect_timeout_s: 10, reply_timeout_s: 20, stop_deadline_s: 10}}
http: {{listen: ""}}
log: {{format: json}}
"""


class Fork:
    """A forked relay in the manner of `asyncio.subprocess`; both its outputs are `stdout`."""

    def __init__(self, words: list[str], env: dict[str, str]) -> None:
        reading, writing = os.pipe()
        with os.fdopen(writing, "w") as output:
            self._process = Forked(words, env, output, output)
        self._pipe = os.fdopen(reading, "rb")
        self.stdout = asyncio.StreamReader(_LONG_LINE)

    async def heard(self) -> Self:
        """Its output is read from now on."""
        protocol = asyncio.StreamReaderProtocol(self.stdout)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, self._pipe)
        return self

    @property
    def returncode(self) -> int | None:
        return self._process.poll()

    async def wait(self) -> int:
        return await asyncio.to_thread(self._process.wait)

    def send_signal(self, number: int) -> None:
        """Raises `ProcessLookupError` when it has ended."""
        if self.returncode is not None:
            raise ProcessLookupError
        self._process.send_signal(number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class Lives:
    """The lives of one relay, one after another. `log` holds what all of them wrote."""

    def __init__(self, directory: Path, cloud: Pretend) -> None:
        self.cloud = cloud
        settings = cloud.settings
        endpoint = '{{host: {smtp_host}, port: {smtp_port}, ca_file: "{ca_file}"}}'.format(**settings)
        self.config = directory / "relay.yaml"
        self.config.write_text(
            CONFIG.format(**settings | {"mailboxes": MAILBOXES}, data_dir=directory / "data", endpoint=endpoint)
        )
        keep(directory / "data")
        self.spool = directory / "data" / "spool"
        self.bodies = self.spool / "bodies"
        self.log = directory / "relay.log"
        self.environment: dict[str, str] = {}
        self.port = 0
        self.up = asyncio.Event()
        self._queue = open_queue(load(self.config))
        self._process: asyncio.subprocess.Process | Fork | None = None
        self._reading: asyncio.Task[None] | None = None
        self._listeners: list[tuple[bytes, asyncio.Event]] = []
        self._started: asyncio.Future[dict[str, Any]]

    def set(self, old: str, new: str) -> None:
        """Changes the configuration for the lives to come."""
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))

    def route(self, profile: str, port: int, more: str = "") -> None:
        """Leads a profile to Exchange by another port; `more` are further options of that profile."""
        lines = self.config.read_text().splitlines(keepends=True)
        at = next(n for n, line in enumerate(lines) if line.startswith(f"  {profile}: {{app:"))
        lines[at] = re.sub(r"port: \d+", f"port: {port}", lines[at])
        if more:
            lines[at] = lines[at].replace("{app: sandbox", f"{{{more}, app: sandbox")
        self.config.write_text("".join(lines))

    def keep_one_lane(self) -> None:
        """One mailbox and one connection: its first claim is that of the first message."""
        others = ("  dots:", "  steps:", "  scanners:", "  faxes:")
        lines = [line for line in self.config.read_text().splitlines() if not line.startswith(others)]
        self.config.write_text("\n".join(lines).replace("sessions: 3", "sessions: 1") + "\n")

    # -- one life

    async def start(self, fault: str = "", *, under: Sequence[str] = ()) -> dict[str, Any]:
        """Starts the relay, under another program if need be; returns its `relay.started` event once it listens."""
        self._begin(await self._spawn(fault, under))
        async with asyncio.timeout(WAIT_S):
            return await self._started

    async def launch(self, fault: str = "") -> None:
        """Starts the relay without waiting until it listens, so that it can be killed before."""
        self._begin(await self._spawn(fault, ()))

    async def _spawn(self, fault: str, under: Sequence[str]) -> asyncio.subprocess.Process | Fork:
        told = self.environment | ({"RELAY_FAULT": fault} if fault else {})
        words = ["serve", "--config", str(self.config)]
        if not under and can_be_forked(told):
            return await Fork(words, surroundings(told)).heard()
        return await asyncio.create_subprocess_exec(
            *under, sys.executable, "-m", "relay", *words,
            env=surroundings(told), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, limit=_LONG_LINE,
        )  # fmt: skip

    def _begin(self, process: asyncio.subprocess.Process | Fork) -> None:
        self._process = process
        self._started = asyncio.get_running_loop().create_future()
        self._reading = asyncio.get_running_loop().create_task(self._read(process), name="journal")

    async def _read(self, process: asyncio.subprocess.Process | Fork) -> None:
        assert process.stdout is not None
        with self.log.open("ab") as log:
            async for line in process.stdout:
                log.write(line)
                log.flush()
                self._told(line)
                if b'"relay.started"' in line:
                    self._listening(json.loads(line))
        self.up.clear()
        if not self._started.done():
            self._started.set_exception(AssertionError(f"the relay ended before it listened:\n{self.tail()}"))
            self._started.exception()  # whoever killed it in that moment does not ask

    def _told(self, line: bytes) -> None:
        for event, heard in self._listeners:
            if event in line:
                heard.set()

    @contextlib.contextmanager
    def _hearing(self, event: str) -> Iterator[asyncio.Event]:
        """An event that is set when the journal tells one of that name, or one whose name begins so ("message.")."""
        listener = (b'"event": "' + event.encode() + (b"" if event.endswith(".") else b'"'), asyncio.Event())
        self._listeners.append(listener)
        try:
            yield listener[1]
        finally:
            self._listeners.remove(listener)

    async def logged(self, event: str) -> None:
        """Returns when the journal has told such an event, in this life or from now on."""
        with self._hearing(event) as heard:
            if not self.events(event):
                async with asyncio.timeout(WAIT_S):
                    await heard.wait()

    async def logged_anew(self, event: str, seconds: float) -> None:
        """Returns at the next such event. Raises `TimeoutError`."""
        with self._hearing(event) as heard:
            async with asyncio.timeout(seconds):
                await heard.wait()

    async def next(self, event: str, seconds: float) -> None:
        """Returns at the next such event, or after some seconds."""
        with contextlib.suppress(TimeoutError):
            await self.logged_anew(event, seconds)

    def _listening(self, event: dict[str, Any]) -> None:
        self.port = int(event["listening"][0].rpartition(":")[2])
        self.up.set()
        self._started.set_result(event)

    async def ended(self, seconds: float | None = WAIT_S) -> int:
        """Waits for the end of this life; returns the code of `wait`: -9 after SIGKILL. Raises TimeoutError."""
        assert self._process is not None
        assert self._reading is not None
        async with asyncio.timeout(seconds):
            code = await self._process.wait()
        await self._reading
        return code

    async def kill(self) -> None:
        """SIGKILL, now."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        assert await self.ended() == -signal.SIGKILL

    def hang_up(self) -> None:
        """SIGHUP: the configuration is read again."""
        self.signal(signal.SIGHUP)

    def signal(self, number: int) -> None:
        """Any signal. Raises `ProcessLookupError` when this life is over."""
        assert self._process is not None
        self._process.send_signal(number)

    async def stop(self) -> None:
        """SIGTERM; it must end well."""
        assert self._process is not None
        self._process.terminate()
        assert await self.ended() == 0, self.tail()

    async def close(self) -> None:
        """Leaves no process behind, whatever happened."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self.ended()

    # -- what it left

    def counts(self) -> dict[str, int]:
        """How many messages of the spool are in each state."""
        return self._queue.counts()

    def rows(self, state: str | None = None) -> list[QueueRow]:
        """The messages in a state, or all that are not settled."""
        return self._queue.list(state, 1_000_000)

    def item(self, message_id: str) -> QueueItem | None:
        """One message of the spool."""
        return self._queue.show(message_id)

    def waiting(self) -> int:
        """How many messages are still on their way."""
        counts = self.counts()
        return sum(counts.get(state, 0) for state in ("queued", "uncertain", "leased"))

    async def settled(self, letter: Letter) -> None:
        """Returns when an accepted letter is not on its way any more."""
        async with asyncio.timeout(WAIT_S):
            while (item := self.item(letter.queue_id)) and item.state in ("queued", "uncertain", "leased"):
                await self.next("message.delivered", 0.2)

    def body_files(self) -> list[str]:
        """The names in the directory of large bodies."""
        return sorted(path.name for path in self.bodies.iterdir())

    def events(self, name: str) -> list[dict[str, Any]]:
        """The journal's events of that name, of all lives."""
        lines = self.log.read_bytes().splitlines() if self.log.exists() else []
        return [json.loads(line) for line in lines if b'"%s"' % name.encode() in line]

    def tail(self) -> str:
        """The end of the log, for the message of a failed test."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-25:]) if self.log.exists() else ""


async def drained(lives: Lives, seconds: float = 60.0) -> None:
    """Returns when nothing is on its way any more; looked at with each delivery."""
    try:
        async with asyncio.timeout(seconds):
            while lives.waiting():
                await lives.next("message.delivered", 1.0)
    except TimeoutError:
        raise AssertionError(f"still on its way: {lives.rows()[:5]} …\n{lives.tail()}") from None
