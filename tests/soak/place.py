"""Where a soak happens: a pretend cloud and a false one, a relay that is always started again, wires, disk, clock."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.crash.clock import Clock
from tests.crash.lives import Lives
from tests.crash.pretend import Pretend
from tests.crash.proxy import Proxy

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator

    from tests.crash.devices import Letter

PROFILES = ("pipes", "dots", "steps")
SHORT, LONG = 0.5, 2.5  # seconds that a fault stays
_DISK = "96m"


class Disk:
    """A small disk for the data directory: a tmpfs where we may mount one. `is_own` tells whether it was possible."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._filler = directory / "filler"
        directory.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "soak", str(directory)]
        self.is_own = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0

    def fill(self) -> None:
        """Not an octet more fits."""
        with self._filler.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while filler.write(bytes(1 << 18)):
                pass

    def free(self) -> None:
        """There is room again."""
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        """Lets the mount go; what was on it is gone."""
        if self.is_own:
            subprocess.run(["umount", "-l", str(self._directory)], check=True)


class Place:
    """Everything a fault may touch. `did` counts what went wrong by name, `deaths` how the relay ended."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.did: Counter[str] = Counter()
        self.deaths: Counter[str] = Counter()
        self.next_fault = ""
        self.begun: list[Letter] = []  # by devices that vanished before the end of data
        self.wires: dict[str, Proxy] = {}
        self.clock: Clock | None = None
        self._stack = AsyncExitStack()
        self._keeping: asyncio.Task[None] | None = None
        self._struck = ""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.cloud = stack.enter_context(closing(Pretend(self.directory / "cloud")))
            self.false_cloud = stack.enter_context(closing(Pretend(self.directory / "false")))
            self.disk = stack.enter_context(closing(Disk(self.directory / "data")))
            self.lives = Lives(self.directory, self.cloud)
            stack.push_async_callback(self.lives.close)
            self.lives.set(
                "min_free_bytes: 0", "min_free_bytes: 0, keep_delivered_days: 36500, keep_failed_days: 36500"
            )
            self.lives.set("log: {", "notices: {failed: [admin], admin: it@contoso.test, collect_s: 1}\nlog: {")
            self.lives.set("connect_timeout_s: 10, reply_timeout_s: 20", "connect_timeout_s: 2, reply_timeout_s: 2")
            self.secret_file = Path(str(self.cloud.settings["secret_file"]))
            self.port = int(self.cloud.settings["smtp_port"])
            for name in PROFILES:
                self.wires[name] = await stack.enter_async_context(Proxy("127.0.0.1", self.port))
                self.lives.route(name, self.wires[name].port, "messages_per_session: 20")
            self._take_clock()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self._stack.aclose()

    def _take_clock(self) -> None:
        program = shutil.which("faketime")
        if program is not None:
            self.clock = Clock(self.directory, program)
            self.lives.environment |= self.clock.environment

    # -- the relay

    def keep_running(self) -> None:
        """From now on the relay is started again whenever it ends, as by systemd."""
        self._keeping = asyncio.ensure_future(self._keep())

    async def stop_keeping(self) -> None:
        """The relay ends in order, and stays so."""
        assert self._keeping is not None
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        await self.lives.close()

    async def _keep(self) -> None:
        while True:
            fault, self.next_fault = self.next_fault, ""
            await self.lives.launch(fault)
            code = await self.lives.ended(None)
            cause = self._struck or (fault.partition(":")[0] if code == -9 else f"ended with {code}")
            self._struck = ""
            self.deaths[cause] += 1
            if code > 0:  # it could not start: systemd waits a moment too
                await asyncio.sleep(0.3)

    def strike(self, how: str, number: int) -> None:
        """A signal that ends this life."""
        self._struck = how
        self.signal(number)

    def signal(self, number: int) -> None:
        """A signal, if there is a relay that listens: one that only starts may not know it yet."""
        if self.lives.up.is_set():
            with contextlib.suppress(ProcessLookupError):
                self.lives.signal(number)

    def asked(self, question: str) -> list[tuple[Any, ...]]:
        """What the database of the spool answers to a SELECT."""
        with closing(sqlite3.connect(f"file:{self.lives.spool}/spool.db?mode=ro", uri=True)) as connection:
            return connection.execute(question).fetchall()

    async def order(self, *words: str) -> None:
        """`relay queue …`; an order that finds nobody, or a relay that dies of something else meanwhile, may fail."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "relay", "queue", *words, "--config", str(self.lives.config),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        assert b"Traceback" not in said, said.decode()

    # -- faults

    async def hold(self, dice: random.Random) -> None:
        """The fault stays for a while."""
        await asyncio.sleep(dice.uniform(SHORT, LONG))

    @asynccontextmanager
    async def fault(self, **fault: Any) -> AsyncIterator[None]:
        """A fault of the pretend cloud, as long as the block lasts."""
        name = await self.cloud.add_fault(**fault)
        try:
            yield
        finally:
            await self.cloud.remove_fault(name)

    @asynccontextmanager
    async def switched(self, broken: dict[str, str], whole: dict[str, str]) -> AsyncIterator[None]:
        """Switches of the pretend cloud."""
        await self.cloud.switch(**broken)
        try:
            yield
        finally:
            await self.cloud.switch(**whole)
