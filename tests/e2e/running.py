"""`relay serve` as a process, with its journal as events that can be waited for."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests import forked
from tests.e2e.configuration import LISTENERS
from tests.e2e.device import Device
from tests.forked import Forked, can_be_forked, surroundings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WAIT_S = 45.0
Event = dict[str, Any]


class Journal:
    """The lines of one process, read as they come."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()
        self._ended = False

    def read(self, lines: Any) -> None:
        """Takes lines until their end; one that is no event is kept as `text`."""
        for line in lines:
            with self._changed:
                self.events.append(_event(line))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def seen(self, event: str, **fields: Any) -> list[Event]:
        """All events so far of that name and with those fields."""
        wanted = {"event": event, **fields}
        return [item for item in list(self.events) if wanted.items() <= item.items()]

    def wait(self, event: str, *, count: int = 1, after: int = 0, **fields: Any) -> Event:
        """The `count`th such event behind the first `after` lines; fails with the journal's end when it stays away."""
        wanted = {"event": event, **fields}
        deadline = time.monotonic() + WAIT_S
        with self._changed:
            while len(found := [item for item in self.events[after:] if wanted.items() <= item.items()]) < count:
                left = deadline - time.monotonic()
                if left <= 0 or self._ended:
                    pytest.fail(f"no {wanted} in the journal:\n{self.tail()}")
                self._changed.wait(left)
        return found[count - 1]

    def outcome(self, name: str) -> Event:
        """What became of a message at its last attempt: the first event that says so."""
        words = ("message.delivered", "message.deferred", "message.failed", "message.uncertain")
        with self._changed:
            self._changed.wait_for(lambda: any(word for word in words if self.seen(word, id=name)), WAIT_S)
        return next(event for word in words for event in self.seen(word, id=name))

    def tail(self) -> str:
        """The last lines, for the message of a failed test."""
        return "\n".join(map(str, self.events[-25:]))


def _event(line: str) -> Event:
    try:
        return dict(json.loads(line))
    except ValueError:
        return {"event": "", "text": line}


class _Pipe:
    """Both ends of a pipe; that for the process is let go at the end of a `with`."""

    def __init__(self) -> None:
        reading, writing = os.pipe()
        self.out, self.into = os.fdopen(reading), os.fdopen(writing, "w")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.into.close()


def _begun(
    prefix: Sequence[str], words: list[str], env: Mapping[str, str], fds: Sequence[int], stdout: Any, stderr: Any
) -> Forked | subprocess.Popen[bytes]:
    """The command `relay`: forked, unless that would not be the same."""
    if not prefix and not fds and can_be_forked(env):
        return Forked(words, surroundings(env), stdout, stderr)
    command = [*prefix, sys.executable, "-m", "relay", *words]
    return subprocess.Popen(command, env=surroundings(env), stdout=stdout, stderr=stderr, pass_fds=fds)


class RunningRelay:
    """One process of the relay. Ended by `stop`, or killed with everything it holds at the end of a `with`."""

    def __init__(
        self, config: Path, *, prefix: Sequence[str] = (), env: Mapping[str, str] | None = None, fds: Sequence[int] = ()
    ) -> None:
        self.config = config
        self.journal = Journal()
        with _Pipe() as stdout, _Pipe() as stderr:
            self.process = _begun(prefix, ["serve", "--config", str(config)], env or {}, fds, stdout.into, stderr.into)
        self._pipes = (stdout.out, stderr.out)
        self._stderr: list[str] = []
        self._readers = [
            threading.Thread(target=self.journal.read, args=(stdout.out,), daemon=True),
            threading.Thread(target=lambda: self._stderr.extend(stderr.out), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        try:
            self.started()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def started(self) -> Event:
        """Waits until it listens; its doors are known then."""
        event = self.journal.wait("relay.started")
        self.ports = {
            name: int(address.rpartition(":")[2]) for name, address in zip(LISTENERS, event["listening"], strict=True)
        }
        return event

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def stderr(self) -> str:
        return "".join(self._stderr)

    def device(self, address: str = "127.0.0.1", *, door: str = "plain") -> Device:
        """A device that has connected from that address; nothing is read or said yet."""
        return Device(self.ports[door], address, implicit=door == "implicit")

    # -- signals

    def hang_up(self) -> int:
        """Asks for a reload; returns the place in the journal from where to look for its outcome."""
        place = len(self.journal.events)
        self.process.send_signal(signal.SIGHUP)
        return place

    def terminate(self) -> None:
        """Asks the process to stop, and returns when it has begun to."""
        self.process.send_signal(signal.SIGTERM)
        self.journal.wait("relay.stopping")

    def ended(self) -> int:
        """Waits for the end of the process; returns its exit code."""
        code = self.process.wait(WAIT_S)
        for reader in self._readers:
            reader.join(WAIT_S)
        return code

    def stop(self) -> int:
        """Stops in order; returns the exit code."""
        self.terminate()
        return self.ended()

    def kill(self) -> None:
        """Kills what a test left running: a test that cares how it ends calls `stop`."""
        if self.process.poll() is None:
            self.process.kill()
        self.ended()
        for pipe in self._pipes:
            pipe.close()

    # -- what it keeps

    def memory_kib(self, field: str) -> int:
        """A figure of /proc/PID/status, such as VmHWM (the most it ever held) or VmRSS."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)[1])  # type: ignore[index]

    def queue(self, *arguments: str) -> Any:
        """What `relay queue …` prints, beside the running service."""
        return json.loads(forked.output("queue", *arguments, "--config", str(self.config), "--json"))
