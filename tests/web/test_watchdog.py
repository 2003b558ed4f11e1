"""What systemd hears of a running relay: beats while it can work, none when its disk hangs, its state in a line."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, cast

import pytest

from relay.control.pulse import Pulse
from tests.e2e.configuration import COPIER
from tests.e2e.device import LETTER
from tests.e2e.running import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.web.conftest import Open

EVERY_S = 0.4
WATCHED = {"WATCHDOG_USEC": str(int(EVERY_S * 1_000_000))}


class Manager:
    """systemd's end of the socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self.env = {"NOTIFY_SOCKET": str(path)}

    def heard(self, beginning: str, within_s: float = WAIT_S) -> str:
        """The next word that begins so. Raises TimeoutError when none comes within the time."""
        self._socket.settimeout(within_s)
        while True:
            for word in self._socket.recv(4096).decode().split("\n"):
                if word.startswith(beginning):
                    return word

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.close()


def test_a_relay_that_works_beats(show: Open, manager: Manager) -> None:
    """After it has said that it is ready."""
    show(env=manager.env | WATCHED)
    assert manager.heard("READY=1")
    for _ in range(3):
        assert manager.heard("WATCHDOG=1")


def test_a_disk_that_hangs_ends_the_beats(show: Open, manager: Manager) -> None:
    """The loop still runs; systemd would start the relay anew after one time without a beat."""
    show(env=manager.env | WATCHED | {"RELAY_FAULT": "spool.pulse-before-commit:hang:3"})
    for _ in range(2):
        assert manager.heard("WATCHDOG=1")
    with pytest.raises(TimeoutError):
        manager.heard("WATCHDOG=1", within_s=5 * EVERY_S)


def test_nobody_who_does_not_watch_is_sent_beats(show: Open, manager: Manager) -> None:
    """The variable names another process."""
    show(env=manager.env | WATCHED | {"WATCHDOG_PID": "1"})
    assert manager.heard("STATUS=listening")
    with pytest.raises(TimeoutError):
        manager.heard("WATCHDOG=1", within_s=2 * EVERY_S)


def test_the_status_line_says_what_waits_and_why(show: Open, manager: Manager, somebody: str, tmp_path: Path) -> None:
    """As `systemctl status` shows it."""
    (tmp_path / "app-secret").write_text("wrong\n")
    first = show(delivery={"recheck_s": 600})
    with first.relay.device(COPIER) as device:
        device.hello()
        device.deliver(somebody, message=LETTER)
    first.relay.journal.wait("profile.paused")
    assert first.relay.stop() == 0
    show(delivery={"recheck_s": 600}, env=manager.env)
    manager.heard("READY=1")
    assert manager.heard("STATUS=").endswith("; 1 queued; 1 profile paused")


async def test_a_line_that_fails_keeps_nobody_from_stopping(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The spool is closed after this: what went wrong here before is not raised there."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    asked = asyncio.Event()

    class Broken:
        listening = ()

        async def look(self) -> None:
            asked.set()
            raise OverflowError("a damaged row")

    pulse = Pulse(cast("Any", Broken()))
    pulse.start()
    await asked.wait()
    await asyncio.sleep(0)
    await pulse.stop()
