"""Sockets that systemd opened: used as they are, and kept while the relay is away."""

from __future__ import annotations

import itertools
import re
import socket
import sys
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests.e2e.configuration import configuration, write
from tests.e2e.device import LETTER, Device
from tests.e2e.running import WAIT_S, RunningRelay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.e2e.pretend import PretendCloud

    Begin = Callable[..., RunningRelay]

# What systemd does between fork and exec: the socket becomes descriptor 3, the variables name the process.
_AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="smtp")
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture
def begin(cloud: PretendCloud, tmp_path: Path) -> Iterator[Begin]:
    """Runs a relay with one listener; again with the same data directory when called again."""
    with ExitStack() as stack:

        def run(listen: str, **how: Any) -> RunningRelay:
            settings = configuration(cloud, tmp_path, listeners=[{"listen": listen}])
            relay = RunningRelay(write(tmp_path / "relay.yaml", settings), **how)
            stack.callback(relay.kill)
            return relay

        yield run


@pytest.fixture
def door() -> Iterator[socket.socket]:
    """The socket as systemd holds it, whoever comes and goes."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        yield held


@pytest.mark.parametrize("by", ["name", "address"])
def test_devices_wait_while_the_relay_restarts(begin: Begin, door: socket.socket, somebody: str, by: str) -> None:
    """The socket outlives the process; who connected in between is greeted by the next one."""
    port = door.getsockname()[1]
    listen = "fd:smtp" if by == "name" else f"127.0.0.1:{port}"
    how = {"prefix": (sys.executable, "-c", _AS_SYSTEMD, str(door.fileno())), "fds": (door.fileno(),)}
    first = begin(listen, **how)
    assert first.journal.wait("relay.started")["listening"] == [f"127.0.0.1:{port}"]
    with Device(port) as device:
        scan(device, somebody)
    assert first.stop() == 0
    with Device(port) as waiting:
        second = begin(listen, **how)
        scan(waiting, somebody)
        second.journal.wait("message.delivered")
        assert second.stop() == 0, second.journal.tail()


@pytest.mark.parametrize("each", [1, 5])
def test_a_restart_refuses_no_connection_and_loses_no_message(
    begin: Begin, cloud: PretendCloud, door: socket.socket, somebody: str, each: int
) -> None:
    """A device goes on sending meanwhile, one message a session or five: it is told 421 or waits, and nothing else."""
    how = {"prefix": (sys.executable, "-c", _AS_SYSTEMD, str(door.fileno())), "fds": (door.fileno(),)}
    busy = Busy(door.getsockname()[1], somebody, each)
    relay = begin("fd:smtp", **how)
    with busy:
        for _ in range(3):
            busy.wait(3)
            assert relay.stop() == 0, relay.journal.tail()
            relay = begin("fd:smtp", **how)
        busy.wait(3)
    assert busy.trouble == []
    letters = [_subject(letter.raw) for letter in cloud.letters(somebody, len(busy.accepted))]
    assert sorted(letters) == sorted(busy.accepted)
    assert relay.stop() == 0, relay.journal.tail()


def test_the_first_device_starts_the_relay(begin: Begin, need_tool: Callable[[str], str], somebody: str) -> None:
    """By systemd's own activation."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    activate = (need_tool("systemd-socket-activate"), "-l", f"127.0.0.1:{port}", "--fdname=smtp")
    relay = begin("fd:smtp", prefix=activate)
    with connected(port) as device:
        scan(device, somebody)
    assert relay.journal.wait("relay.started")["listening"] == [f"127.0.0.1:{port}"]
    assert relay.stop() == 0


def test_a_socket_nobody_passed_is_named(begin: Begin) -> None:
    """Started by hand instead of by its socket unit."""
    relay = begin("fd:smtp")
    failed = relay.journal.wait("relay.failed")
    assert "systemd passed no TCP socket of that name" in failed["reason"]
    assert relay.ended() == 69


class Busy:
    """A device that sends one message after another until told to end; what was not answered with 250 it repeats."""

    def __init__(self, port: int, recipient: str, each: int) -> None:
        self._port = port
        self._recipient = recipient
        self._each = each
        self._end = False
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._run)
        self._numbers = itertools.count(1)
        self._subject = "letter 0"
        self.accepted: set[str] = set()
        self.trouble: list[OSError] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end = True
        self._thread.join(WAIT_S)

    def wait(self, count: int) -> None:
        """Returns when so many more messages have been accepted."""
        with self._more:
            wanted = len(self.accepted) + count
            assert self._more.wait_for(lambda: len(self.accepted) >= wanted, WAIT_S), self.accepted

    def _run(self) -> None:
        while not self._end:
            try:
                with Device(self._port) as device:
                    self._session(device)
            except OSError as error:  # refused, reset, or no answer at all
                self.trouble.append(error)

    def _session(self, device: Device) -> None:
        """Some messages, or fewer when the relay says goodbye."""
        if device.reply()[:3] != "220" or device.ask("EHLO x")[:3] != "250":
            return
        for _ in range(self._each):
            if not self._sent(device):
                return
            with self._more:
                self.accepted.add(self._subject)
                self._more.notify_all()
            self._subject = f"letter {next(self._numbers)}"

    def _sent(self, device: Device) -> bool:
        """Whether the relay has taken the message; False when it says goodbye at any step."""
        steps = (
            "MAIL FROM:<mfp@device.test>",
            f"RCPT TO:<{self._recipient}>",
            "DATA",
            f"Subject: {self._subject}\r\n\r\n.",
        )
        return all(device.ask(step)[:1] in ("2", "3") for step in steps)


def _subject(raw: bytes) -> str:
    found = re.search(rb"^Subject: (.*?)\r$", raw, re.MULTILINE)
    return found[1].decode() if found else ""


def scan(device: Device, recipient: str) -> None:
    """A whole letter."""
    assert device.reply()[:3] == "220"
    device.send(b"EHLO x\r\nMAIL FROM:<mfp@device.test>\r\nRCPT TO:<%b>\r\nDATA\r\n" % recipient.encode())
    assert [device.reply()[:3] for _ in range(4)] == ["250", "250", "250", "354"]
    device.send(LETTER + b".\r\n")
    assert device.reply()[:3] == "250"


def connected(port: int) -> Device:
    """As soon as somebody listens there."""
    for _ in range(1000):
        try:
            return Device(port)
        except ConnectionRefusedError:
            time.sleep(0.01)
    return Device(port)
