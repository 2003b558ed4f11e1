"""The Dockerfile built, and what it makes run as compose.yaml runs it, in front of a pretend Microsoft 365."""

from __future__ import annotations

import re
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.deploy.engine import HARDENED, STAND_IN, Engine, roomy
from tests.deploy.inside import Cloud, Device, configuration, until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "m365-smtp-relay"
MOST_BYTES = 90_000_000
pytestmark = pytest.mark.timeout(600)  # the image, and all it needs, may have to be made first


class Ship:
    """The engine with the image built, the pretend cloud in a container, and the files that a user keeps."""

    def __init__(self, engine: Engine, directory: Path) -> None:
        self.engine = engine
        self._at = directory
        self._kept: ExitStack | None = None
        directory.chmod(0o777)  # the sandbox, user 10001, keeps its certificate there
        engine(
            "run", "-d", "--name=cloud", "--network=none", f"--volume={directory}:/cloud", IMAGE,
            "sandbox", "--management-port=8025", "--per-minute=0", "--keep=/cloud/kept",
        )  # fmt: skip
        self.network = engine.pid("cloud")
        self.cloud = Cloud(self.network)
        self._write()

    def _write(self) -> None:
        shipped = yaml.safe_load((ROOT / "deploy/relay.yaml").read_text())
        (self._at / "relay.yaml").write_text(yaml.safe_dump(configuration(self.cloud, shipped)))
        secret = self._at / "contoso.secret"
        secret.write_text(self.cloud.settings["client_secret"])
        secret.chmod(0o444)

    @contextmanager
    def relay(self, volume: str) -> Iterator[str]:
        """A new container of the relay on that volume, up; removed at the end. One at a time: the ports are shared."""
        self.end_kept()
        mounts = {
            volume: "/var/lib/relay",
            self._at / "relay.yaml": "/etc/relay/relay.yaml:ro",
            self._at / "contoso.secret": "/run/secrets/contoso-secret:ro",
            self._at: "/cloud:ro",
        }
        options = [f"--volume={here}:{there}" for here, there in mounts.items()]
        name = f"relay-of-{volume}"
        self.engine(
            "run",
            "-d",
            f"--name={name}",
            "--network=container:cloud",
            "--health-interval=1s",
            *HARDENED,
            *options,
            IMAGE,
        )
        try:
            until("the greeting", self.device)
            yield name
        finally:
            self.engine("rm", "-f", name)

    def device(self, port: int = 2525) -> Device:
        """A device that has been greeted."""
        return Device(self.network, port)

    def keep(self) -> str:
        """A container that stays up between tests that only look."""
        if self._kept is None:
            kept = ExitStack()
            self._name = kept.enter_context(self.relay("looked-at"))
            self._kept = kept
        return self._name

    def end_kept(self) -> None:
        """Removes it, if there is one."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()


@pytest.fixture(scope="module")
def ship(tree, wheelhouse, need_tool, tmp_path_factory) -> Iterator[Ship]:
    """Everything, built once."""
    programs = need_tool("/usr/bin/docker"), need_tool("dockerd")
    with Engine(programs, Path(tempfile.mkdtemp(prefix="relay-engine-", dir=roomy()))) as engine:
        engine.stand_in(tree, wheelhouse)
        engine("build", "-q", "--network=none", "-t", IMAGE, ROOT)
        made = Ship(engine, tmp_path_factory.mktemp("files"))
        try:
            yield made
        finally:
            made.end_kept()
            engine("rm", "-f", *engine("ps", "-aq").split())


def test_mail_that_waits_survives_a_stop_in_a_new_container(ship):
    """SIGTERM ends it with 0; what Exchange could not take yet is in the volume, and leaves from the next container."""
    subjects = {f"waits {number}" for number in range(5)}
    ship.cloud.switch(exchange="down")
    with ship.relay("kept") as name:
        for subject in subjects:
            ship.device().scan("bea@contoso.test", subject)
        ship.engine("stop", "-t", "25", name)
        assert ship.engine.inspect(name)["State"]["ExitCode"] == 0
    assert ship.cloud.arrived("bea@contoso.test") == []
    ship.cloud.switch(exchange="up")
    with ship.relay("kept"):
        ship.cloud.wait("bea@contoso.test", subjects)


def test_a_kill_loses_nothing(ship):
    """SIGKILL in the middle of the work: every message that was answered with 250 arrives from the next container."""
    subjects = {f"killed {number}" for number in range(20)}
    with ship.relay("killed") as name:
        for subject in subjects:
            ship.device().scan("cid@contoso.test", subject)
        ship.engine("kill", "-s", "KILL", name)
    with ship.relay("killed"):
        ship.cloud.wait("cid@contoso.test", subjects)


def test_the_image_is_small(ship, record_property):
    """At most 90 MB beyond its base."""
    own = ship.engine.inspect(IMAGE)["Size"] - ship.engine.inspect(STAND_IN)["Size"]
    record_property("table", f"the image has {own / 1e6:.1f} MB beyond its base")

    assert own <= MOST_BYTES


def test_nothing_has_to_be_compiled_at_the_start(ship):
    """Nobody may write compiled modules later: every module of a start is there compiled, Python's own too."""
    look = "import os, sys, relay.app, relay.web.server; print([m.__cached__ for m in list(sys.modules.values()) "
    look += "if getattr(m, '__cached__', None) and not os.path.exists(m.__cached__)])"

    assert ship.engine("run", "--rm", "--network=none", "--entrypoint=python", IMAGE, "-c", look) == "[]"


def test_the_image_holds_the_product_alone(ship):
    """No tests, no pip, nothing of the checkout."""
    look = "ls -d /src; find /opt/relay -name tests -o -name pip -o -name .git -o -name '*.pyx'"
    found = ship.engine("run", "--rm", "--network=none", "--entrypoint=sh", IMAGE, "-c", f"({look}) 2>/dev/null; true")

    assert found == ""


@pytest.fixture
def running(ship) -> str:
    """A relay for the tests that only look."""
    return ship.keep()


def test_a_scan_goes_through_and_the_container_is_healthy(ship, running):
    """Healthy by its own check; the secret that takes the scan to Exchange comes as a file."""
    ship.device().scan("ann@contoso.test", "hardened")
    ship.cloud.wait("ann@contoso.test", {"hardened"})
    ship.engine.healthy(running)


def test_it_has_no_right_and_no_writable_place_more_than_it_needs(ship, running):
    """A number for a user, no capability, no new privileges, system calls filtered, the root file system read-only."""
    told = ship.engine.inspect(running)
    process = Path(f"/proc/{told['State']['Pid']}/status").read_text()

    assert told["Config"]["User"] == "10001:10001"
    assert told["HostConfig"]["ReadonlyRootfs"] is True
    assert told["HostConfig"]["CapDrop"] == ["ALL"]
    assert re.findall(r"^(?:Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):\t(\S+)", process, re.MULTILINE) == [
        "10001", "0" * 16, "0" * 16, "1", "2",
    ]  # fmt: skip
    assert _writable(ship, running) == ["/tmp", "/var/lib/relay"]


def _writable(ship: Ship, name: str) -> list[str]:
    """Where the user of the container may make a file."""
    look = "import tempfile\nfor d in '/ /tmp /etc/relay /opt/relay /run /var/lib/relay /var/tmp'.split():\n"
    look += "    try: tempfile.TemporaryFile(dir=d).close(); print(d)\n    except OSError: pass"
    return ship.engine("exec", name, "python", "-c", look).split()


def test_every_port_that_is_published_answers(ship, running):
    """2525, 2587 with STARTTLS before mail, 2465 with TLS at once, and the probes of 8925."""
    assert b"STARTTLS" in ship.device(2587).ehlo()[1]
    for check in (["healthcheck"], ["healthcheck", "--ready"], ["healthcheck", "--address=127.0.0.1:2587"]):
        assert "127.0.0.1" in ship.engine("exec", running, "relay", *check)
    assert "TLSv1.3" in _handshake(ship, running)


def _handshake(ship: Ship, name: str) -> str:
    look = "import socket, ssl; c = ssl._create_unverified_context(); s = c.wrap_socket(socket.create_connection("
    return ship.engine("exec", name, "python", "-c", look + "('127.0.0.1', 2465))); print(s.version(), s.recv(4))")


def test_the_log_has_the_way_into_the_dashboard(ship, running):
    """As docs/how-to/container.md says: an address with a setup token, on the port that compose.yaml publishes."""
    said = until("web.setup", lambda: re.search(r'"address": "([^"]+)".*"web.setup"', ship.engine("logs", running)))

    assert said[1].startswith("http://127.0.0.1:8925/setup?token=")
