"""Processes of the command `relay`, forked from one that has imported the product already.

The tests start hundreds, and a new interpreter would spend four fifths of its start on imports. Everything behind them
is as in service: arguments, environment, signals, output, the way it ends. Starts from nothing are tested by
tests/bench, tests/deploy, the commands that are shown to people, and whatever runs under another program or with an
environment of its own.

`python -m tests.forked DESCRIPTOR` is the process that is forked from; each process of the tests starts one.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("relay.app.rear", "relay.web.server", "relay.web.dashboard", "relay.upstream.transports", "relay.cli.verbs")
WAIT_S = 60.0  # for the end of a command
_READ_AT_START = ("PYTHON", "LD_", "LC_", "LANG", "OPENSSL_", "TZ", "FAKETIME")
_LARGEST = 1 << 17  # an order: arguments and environment


class Forked:
    """A running `relay WORDS`, used like a `subprocess.Popen` whose outputs are files of the caller."""

    def __init__(self, words: Sequence[str], env: Mapping[str, str], stdout: IO[str], stderr: IO[str]) -> None:
        order = {"words": words, "env": dict(env), "directory": str(Path.cwd())}
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as report:
            outputs = [stdout.fileno(), stderr.fileno(), report.fileno()]
            socket.send_fds(_nursery(os.getpid()), [json.dumps(order).encode()], outputs)
        self._report = os.fdopen(reading, "rb", buffering=0)
        weakref.finalize(self, self._report.close)
        self._asking = threading.Lock()
        self.returncode: int | None = None
        self.pid = int(self._report.readline())

    def poll(self) -> int | None:
        """The exit code, or nothing while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, as that of `Popen.wait`. Raises `subprocess.TimeoutExpired`."""
        if self.returncode is None and not select.select([self._report], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("relay", timeout or 0)
        with self._asking:
            if self.returncode is None:
                self.returncode = int(self._report.readline())
            return self.returncode

    def send_signal(self, number: int) -> None:
        """Nothing happens to a process that has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # its end is about to be reported
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def can_be_forked(env: Mapping[str, str]) -> bool:
    """Whether it changes nothing that an interpreter and its libraries read only when they start."""
    return not any(name.startswith(_READ_AT_START) and os.environ.get(name) != told for name, told in env.items())


def surroundings(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a relay: ours without its settings, and what is told."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RELAY_")} | dict(env or {})


def run(words: Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """`relay WORDS` to its end, as by `subprocess.run`; nobody types."""
    if not can_be_forked(env or {}):
        command = [sys.executable, "-m", "relay", *words]
        return subprocess.run(
            command, env=surroundings(env), capture_output=True, text=True, timeout=WAIT_S, check=False
        )
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        process = Forked(words, surroundings(env), stdout, stderr)
        try:
            code = process.wait(WAIT_S)
        finally:
            process.kill()
        return subprocess.CompletedProcess(["relay", *words], code, _written(stdout), _written(stderr))


def output(*words: str) -> str:
    """What `relay WORDS` prints; it must end well."""
    ended = run(words)
    assert ended.returncode == 0, f"relay {' '.join(words)}: {ended.stdout}{ended.stderr}"
    return ended.stdout


def _written(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


@functools.cache
def _nursery(_process: int) -> socket.socket:
    """Where orders go; it ends when this process does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.forked", str(theirs.fileno())]
    with theirs:
        subprocess.Popen(
            command, cwd=ROOT, env=surroundings(), stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
    return ours


# -- the process that is forked from


def attend(orders: socket.socket) -> None:
    """Forks for each order, until whoever gives them is gone. Returns in no other process."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how an attendant ended
    while True:
        order, descriptors, _, _ = socket.recv_fds(orders, _LARGEST, 3)
        if not order:
            return
        if os.fork() == 0:
            orders.close()
            _accompany(json.loads(order), *descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _accompany(order: dict[str, object], stdout: int, stderr: int, report: int) -> None:
    """Reports the number and the end of a child that becomes the relay. Returns in that child alone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    number = os.fork()
    if number == 0:
        os.close(report)
        _become(order, stdout, stderr)
        return
    os.close(stdout)
    os.close(stderr)
    os.write(report, b"%d\n" % number)
    _, status = os.waitpid(number, 0)
    os.write(report, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(order: dict[str, object], *outputs: int) -> None:
    for descriptor, place in zip(outputs, (1, 2), strict=True):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.chdir(str(order["directory"]))
    os.environ.clear()
    os.environ.update(order["env"])  # type: ignore[call-overload]
    sys.argv = ["relay", *order["words"]]  # type: ignore[misc]
    importlib.reload(sys.modules["relay.telemetry.faults"])  # it has read its environment


def _serve(descriptor: int) -> None:
    for name in PRODUCT:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    orders = socket.socket(fileno=descriptor)
    parent = os.getpid()
    attend(orders)
    if os.getpid() != parent:
        from relay.cli.main import main

        main()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
