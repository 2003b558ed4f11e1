"""The Debian package and its units on a machine that systemd really boots, in front of a pretend Microsoft 365."""

from __future__ import annotations

import os
import re
import smtplib
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.deploy.debian import alone, python_of
from tests.deploy.inside import Cloud, Device, configuration, until
from tests.deploy.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PORT = 25
# Sooner than on a machine that has all day; nothing else of the unit is changed.
QUICK = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nWatchdogSec=2\nRestartSec=100ms\n"
pytestmark = pytest.mark.timeout(600)  # the package, and all it needs, may have to be made first


class Installed:
    """The machine with the package installed and configured; the first connection will start the service."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        machine.do("sh", "-c", "dpkg -i /shared/*.deb")
        machine.do(
            "systemd-run",
            "--unit=cloud",
            "relay",
            "sandbox",
            "--management-port=8025",
            "--per-minute=0",
            "--keep=/run/cloud",
        )
        self.cloud = Cloud(machine.pid)
        self.settings = self._settings()
        self.configure(self.settings)
        machine.write("/etc/relay/secrets/contoso-secret", self.cloud.settings["client_secret"], "0600")
        machine.write("/etc/systemd/system/relay.service.d/quick.conf", QUICK)
        machine.do("systemctl", "daemon-reload")
        machine.do("systemctl", "enable", "--now", "relay.socket")

    def _settings(self) -> dict[str, Any]:
        shipped = yaml.safe_load((ROOT / "deploy/relay.yaml").read_text())
        shipped["apps"]["contoso"]["credential"] = {"secret": {"credential": "relay_contoso-secret"}}
        return configuration(self.cloud, shipped, listeners=[{"listen": "fd:smtp", "tls": "optional", "auth": "none"}])

    def configure(self, settings: dict[str, Any]) -> None:
        """Writes /etc/relay/relay.yaml."""
        self.machine.write("/etc/relay/relay.yaml", yaml.safe_dump(settings))

    def device(self) -> Device:
        """A device that has been greeted."""
        return Device(self.machine.pid, PORT)

    def restarted(self, count: int) -> bool:
        """Whether systemd has started it anew that often, and it is ready again."""
        return int(self.machine.unit("NRestarts")) >= count and self.machine.unit("ActiveState") == "active"

    def again(self, signal: str) -> str:
        """Sends a signal to the main process; what systemd calls the end it came to, once another one is ready."""
        before = int(self.machine.unit("NRestarts"))
        number = self.machine.unit("MainPID")
        self.machine.do("kill", f"-{signal}", number)
        until(f"a new process after {signal}", lambda: self.restarted(before + 1))
        assert self.machine.unit("MainPID") != number
        return self.machine.do("journalctl", "-u", "relay.service", "-o", "cat", "--no-pager")


class Sender(threading.Thread):
    """A device that goes on scanning, one message a session; whatever is not answered with 250 it sends again."""

    def __init__(self, installed: Installed) -> None:
        super().__init__(daemon=True)
        self._installed = installed
        self._enough = threading.Event()
        self.accepted: set[str] = set()
        self.refused: list[str] = []

    def run(self) -> None:
        while not self._enough.is_set():
            subject = f"scan {len(self.accepted)}"
            try:
                with self._installed.device() as device:
                    device.scan("eva@contoso.test", subject)
                    self.accepted.add(subject)
            except ConnectionRefusedError as error:
                self.refused.append(str(error))
            except (smtplib.SMTPException, OSError):
                continue

    def more(self, count: int = 5) -> None:
        """Returns when so many more have been accepted: the service is there again."""
        wanted = len(self.accepted) + count
        until(f"{wanted} scans", lambda: len(self.accepted) >= wanted)

    def stop(self) -> None:
        self._enough.set()
        self.join()


@pytest.fixture(scope="module")
def package(tree, wheelhouse, need_tool, tmp_path_factory) -> Path:
    """A directory with the package, built by the first process that needs it as users build it, from wheels alone."""
    version = "import sys; print('%d.%d' % sys.version_info[:2])"
    asked = [need_tool("/usr/bin/python3"), "-c", version]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == python_of(tree)
    own = tmp_path_factory.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "package"
    shared.mkdir(exist_ok=True)
    with alone(shared / "lock"):
        if not (shared / "dist").exists():
            _build(wheelhouse, shared)
    return shared / "dist"


def _build(wheelhouse: Path, directory: Path) -> None:
    places = {"BUILD": directory / "build", "DIST": directory / "dist"}
    offline = {"PIP": f"{sys.executable} -m pip", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheelhouse}
    quick = {"DPKG_DEB_COMPRESSOR_LEVEL": "1"}  # a tenth of the time, and nobody keeps the file
    surroundings = os.environ | {name: str(value) for name, value in (places | offline | quick).items()}
    command = [ROOT / "deploy/debian/build"]
    ended = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]


@pytest.fixture(scope="module")
def installed(tree, package, need_tool) -> Iterator[Installed]:
    """One machine for all tests here."""
    with Machine(tree, package, need_tool) as machine:
        yield Installed(machine)


def test_the_first_connection_starts_the_service(installed):
    """Port 25 is systemd's; the relay comes when a device does: a user made up for it, the secret by LoadCredential."""
    machine = installed.machine
    assert machine.unit("ActiveState") == "inactive"
    installed.device().scan("dan@contoso.test", "the first")
    installed.cloud.wait("dan@contoso.test", {"the first"})
    number = machine.unit("MainPID")
    process = machine.do("cat", f"/proc/{number}/status")

    assert machine.unit("ActiveState") == "active"
    (uid,) = re.findall(r"^Uid:\t(\d+)", process, re.MULTILINE)
    assert 61184 <= int(uid) <= 65519  # systemd's range for DynamicUser
    assert re.findall(r"^CapEff:\t(\S+)", process, re.MULTILINE) == [f"{1 << 10:016x}"]  # CAP_NET_BIND_SERVICE alone
    assert machine.do("stat", "-c", "%U %a", "/etc/relay/secrets/contoso-secret") == "root 600"
    assert machine.do("stat", "-Lc", "%u %a", "/var/lib/relay/") == f"{uid} 700"


def test_no_mail_is_lost_by_anything_that_happens_to_the_service(installed):
    """Restart, reload, SIGKILL, a freeze while a device goes on: nobody is refused, and all that was taken arrives."""
    machine = installed.machine
    sender = Sender(installed)
    sender.start()
    try:
        sender.more()
        machine.do("systemctl", "restart", "relay.service")
        sender.more()
        assert "status=9/KILL" in installed.again("KILL")
        sender.more()
        assert "Watchdog timeout" in installed.again("STOP")
        sender.more()
        machine.do("systemctl", "reload", "relay.service")
        sender.more()
        machine.do("systemctl", "stop", "relay.service")
        sender.more()
    finally:
        sender.stop()
    installed.cloud.wait("eva@contoso.test", sender.accepted)
    assert sender.refused == []


def test_a_reload_takes_up_the_configuration_in_the_same_process(installed):
    """`systemctl reload`: a new limit holds for devices that come then, and systemd has heard RELOADING and READY."""
    machine = installed.machine
    installed.device().quit()
    number = machine.unit("MainPID")
    installed.configure(installed.settings | {"intake": {"max_message_size": 123_456}})
    machine.do("systemctl", "reload", "relay.service")
    until("the new limit", lambda: b"SIZE 123456" in installed.device().ehlo()[1])
    assert machine.unit("MainPID") == number
    assert "Reloaded relay.service" in machine.do("journalctl", "-u", "relay.service", "-o", "cat", "--no-pager")
    installed.configure(installed.settings)
    machine.do("systemctl", "reload", "relay.service")


def test_a_broken_configuration_changes_nothing_at_a_reload_and_is_not_tried_for_ever_at_a_start(installed):
    """The running relay goes on with the old one; a start ends with 78, and systemd leaves it at that."""
    machine = installed.machine
    installed.device().quit()
    machine.do("systemctl", "stop", "relay.socket")
    try:
        machine.write("/etc/relay/relay.yaml", "listeners: nonsense\n")
        machine.ask("systemctl", "reload", "relay.service")
        assert machine.unit("ActiveState") == "active"
        machine.ask("systemctl", "restart", "relay.service")
        assert machine.unit("ExecMainStatus") == "78"
        assert machine.unit("ActiveState") == "failed"
    finally:
        installed.configure(installed.settings)
        machine.do("systemctl", "reset-failed", "relay.service")
        machine.do("systemctl", "start", "relay.socket")


def test_little_of_the_machine_is_exposed(installed):
    """At most 2.0 of 10 on systemd's scale, for the unit as it is installed."""
    installed.machine.do("systemd-analyze", "security", "--no-pager", "--threshold=20", "relay.service")


def test_the_command_line_speaks_to_the_service(installed):
    """root asks the running relay; with the credentials of the service the configuration is judged too."""
    installed.device().quit()
    judge = ("systemd-run", "--pipe", "--wait", "--collect", "-p", "LoadCredential=relay:/etc/relay/secrets")

    until("an answer of the service", lambda: "no relay runs" not in installed.machine.ask("relay", "status"))
    assert "contoso" in installed.machine.do("relay", "status")
    installed.machine.do(*judge, "relay", "check")


def test_manual_pages_and_completion_come_with_the_package(installed):
    """Printed from the commands when the package was built, where shells and man look for them."""
    listed = installed.machine.do("dpkg", "-L", "m365-smtp-relay").split()

    assert {"/usr/share/bash-completion/completions/relay", "/usr/share/zsh/vendor-completions/_relay"} <= {*listed}
    assert "/usr/share/man/man5/relay.yaml.5.gz" in listed
    assert "COMPREPLY" in installed.machine.do("cat", "/usr/share/bash-completion/completions/relay")


def test_a_removal_leaves_the_mail_and_the_configuration(installed):
    """The last test: service and product go; what is the user's stays, and the next package takes it up."""
    machine = installed.machine
    installed.cloud.switch(exchange="down")
    installed.device().scan("fay@contoso.test", "left behind")
    machine.do("dpkg", "--remove", "m365-smtp-relay")
    assert machine.ask("systemctl", "is-active", "relay.service", "relay.socket").split() == ["inactive"] * 2
    machine.do(
        "test",
        "-e",
        "/etc/relay/relay.yaml",
        "-a",
        "-e",
        "/etc/relay/secrets/contoso-secret",
        "-a",
        "!",
        "-e",
        "/opt/relay",
    )
    installed.cloud.switch(exchange="up")
    machine.do("sh", "-c", "dpkg -i /shared/*.deb")
    machine.do("systemctl", "start", "relay.socket")
    machine.do("systemctl", "start", "relay.service")
    installed.cloud.wait("fay@contoso.test", {"left behind"})
