"""What the demo needs standing: a pretend Microsoft 365 in this process, a real relay as a process of its own.

async with stage(options) as set_up:
    ... send to set_up.target, read set_up.ways ...

Everything is in one new directory and ends with the block, whatever happened in it. The directory is removed, unless
the block ended with an error: then the log in it tells why, and the `DemoError` that comes out names it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from collections import deque
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from relay.cli.demo_cast import HERE, NICE_PORT, has_several_addresses
from relay.cli.demo_settings import MAILBOXES, SEND_AS, Doors, configuration
from relay.cli.demo_ways import Trouble, Ways
from relay.sandbox.cloud import Cloud, CloudOptions
from relay.sandbox.devices import GaveUpError, Target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from relay.sandbox.mailbox import Arrived

_START_S = 30.0
_STOP_S = 15.0  # the configuration gives the relay 5 s for what it has in hand
_LONGEST_LINE = 1024 * 1024
_LAST_WORDS = 8


class DemoError(Exception):
    """The demo can't go on; says what happened and where to look."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What stands: the cloud, the relay's doors as they were bound, and all that was made up for this run."""

    cloud: Cloud
    ways: Ways
    directory: Path
    listening: tuple[str, ...]
    password: str
    several_addresses: bool
    pid: int

    @property
    def config(self) -> Path:
        """The relay's configuration."""
        return self.directory / "relay.yaml"

    @property
    def log(self) -> Path:
        """What the relay wrote."""
        return self.directory / "relay.log"

    def target(self, source: str) -> Target:
        """The relay, as a pretend device at `source` sees it."""
        host, _, port = self.listening[0].rpartition(":")
        return Target(host, int(port), source=source)


@asynccontextmanager
async def stage(*, listen: str = "", guests: tuple[str, ...] = (), nice_port: bool = False) -> AsyncIterator[Stage]:
    """Starts both and ends both. Raises `DemoError` when one does not start.

    `listen` is one more address for the relay, `guests` are addresses of real devices; `nice_port` tries 2525 first.
    """
    own = NICE_PORT if nice_port and not listen and _is_free(NICE_PORT) else 0
    doors = Doors(
        listen=(f"{HERE}:{own}", *filter(None, [listen])), guests=guests, several_addresses=has_several_addresses()
    )
    directory, keep = Path(tempfile.mkdtemp(prefix="relay-demo-")), False
    try:
        async with _standing(directory, doors) as standing:
            yield standing
    except BrokenPipeError:  # whoever read our output has gone: no failure of the demo
        raise
    except (DemoError, GaveUpError, OSError) as error:
        keep = True
        raise DemoError(f"{error}\nThe relay's log: {directory / 'relay.log'}") from error
    finally:
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)


@asynccontextmanager
async def _standing(directory: Path, doors: Doors) -> AsyncIterator[Stage]:
    options = CloudOptions(mailboxes=MAILBOXES, send_as=SEND_AS, directory=directory / "sandbox", keep_files=True)
    async with Cloud(options) as cloud:
        password = _write_settings(directory, cloud, doors)
        ways = Ways(lambda name: _arrived(cloud, name))
        async with _relay(directory, ways) as pid:
            listening = await _listening(ways)
            yield Stage(cloud, ways, directory, listening, password, doors.several_addresses, pid)


async def _listening(ways: Ways) -> tuple[str, ...]:
    """The relay's doors, once they are open."""
    try:
        started = await asyncio.wait_for(ways.started, _START_S)
    except TimeoutError:
        raise DemoError(f"the relay did not start within {_START_S:g} s") from None
    if "listening" not in started:
        raise DemoError(f"the relay did not start: {Trouble(started)}")
    return tuple(started["listening"])


def _write_settings(directory: Path, cloud: Cloud, doors: Doors) -> str:
    """The configuration and its one password, which is returned; no sign in it means anything to a command line."""
    password, file = secrets.token_hex(6), directory / "erp.password"
    file.touch(mode=0o600)
    file.write_text(password + "\n")
    text = configuration(cloud.settings, doors, data_dir=directory / "data", password_file=file)
    (directory / "relay.yaml").write_text(text, encoding="utf-8")
    return password


@asynccontextmanager
async def _relay(directory: Path, ways: Ways) -> AsyncIterator[int]:
    """A relay of its own; its journal goes to the log and to `ways`. Ended by SIGTERM, by force if need be."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "relay", "serve", "--config", str(directory / "relay.yaml"),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env=_environment(), limit=_LONGEST_LINE,
        start_new_session=True,  # Ctrl-C is for the demo, which ends the relay in good order
    )  # fmt: skip
    reading = asyncio.create_task(_follow(process, directory / "relay.log", ways), name="the relay's journal")
    try:
        yield process.pid
    finally:
        await _end(process, reading)


async def _follow(process: asyncio.subprocess.Process, log: Path, ways: Ways) -> None:
    assert process.stdout is not None
    last: deque[str] = deque(maxlen=_LAST_WORDS)
    with log.open("a", encoding="utf-8") as file:
        while octets := await process.stdout.readline():
            line = octets.decode("utf-8", "replace")
            file.write(line)
            file.flush()
            ways.line(line)
            if not line.startswith("{"):  # the journal says what it has to say to `ways`
                last.append(line)
    ways.relay_ended("\n".join([f"code {await process.wait()}", "".join(last)]).rstrip())


async def _end(process: asyncio.subprocess.Process, reading: asyncio.Task[None]) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    done, _ = await asyncio.wait({reading}, timeout=_STOP_S)
    if not done:
        with suppress(ProcessLookupError):
            process.kill()
    await reading


def _environment() -> dict[str, str]:
    """This one's, but a proxy must not come between the relay and loopback."""
    away = ",".join(filter(None, [os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")), "localhost,127.0.0.1"]))
    return os.environ | {"NO_PROXY": away, "no_proxy": away}


def _arrived(cloud: Cloud, name: str) -> Arrived | None:
    """What arrived under a relay's id, which its trace field names (RFC 5321 §4.4)."""
    mark = f" id {name};"
    return next((message for message in cloud.arrivals if mark in (message.header("Received") or "")), None)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HERE, port))
        except OSError:
            return False
    return True
