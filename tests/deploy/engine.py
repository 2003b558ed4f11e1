"""A Docker engine of its own: its data, its socket and nothing of this machine's network; ended with all it runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.deploy.inside import until

if TYPE_CHECKING:
    from collections.abc import Sequence

STAND_IN = "python:3.12-slim-bookworm"  # what the Dockerfile is built from, made of a Debian tree
HARDENED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
_OWN = ("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")
_ENOUGH = 6 * 1024**3
_PIP = '#!/bin/sh\nPYTHONPATH=/opt/pip exec python3 -m pip "$@"\n'
_ONLY_WHEELS = "[global]\nno-index = true\nfind-links = /opt/wheels\n"


def roomy() -> Path | None:
    """Memory for what an engine keeps, where there is plenty: disks take a minute to forget 50 000 files."""
    memory = Path("/dev/shm")
    enough = memory.is_dir() and shutil.disk_usage(memory).free > _ENOUGH
    available = re.search(r"MemAvailable: *(\d+) kB", Path("/proc/meminfo").read_text())
    return memory if enough and available and int(available[1]) * 1024 > _ENOUGH else None


class Engine:
    """The daemon, from `with` to its end, and its client."""

    def __init__(self, programs: tuple[str, str], directory: Path) -> None:
        self._client, self._daemon = programs
        self._at = directory
        self._socket = f"unix://{directory}/docker.sock"

    def __enter__(self) -> Self:
        places = [f"--data-root={self._at}/data", f"--exec-root={self._at}/exec", f"--pidfile={self._at}/pid"]
        with (self._at / "log").open("w") as log:
            command = [self._daemon, *places, f"--host={self._socket}", *_OWN]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            until("the engine", self._answers)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        subprocess.run(["umount", self._at / "exec/netns/default"], capture_output=True, check=False)
        shutil.rmtree(self._at, ignore_errors=True)

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._at / "log").read_text()[-2000:]
        return (
            subprocess.run([self._client, "-H", self._socket, "info"], capture_output=True, check=False).returncode == 0
        )

    def __call__(self, *words: str | Path) -> str:
        """`docker …`; what it prints. Its complaint is the message of the AssertionError."""
        return self._run(words)

    def _run(self, words: Sequence[str | Path], stdin: Any = None) -> str:
        ended = subprocess.run(
            [self._client, "-H", self._socket, *words],
            stdin=stdin, capture_output=True, text=True, check=False, env=os.environ | {"DOCKER_BUILDKIT": "1"},
        )  # fmt: skip
        assert ended.returncode == 0, f"docker {' '.join(map(str, words))}: {ended.stderr[-3000:]}"
        return ended.stdout.strip()

    def stand_in(self, tree: Path, wheels: Path) -> None:
        """The base image: a Debian with Python and pip, whose only index is a directory of wheels."""
        added = self._at / "added"
        names = _add(added, tree, wheels)
        left_out = [f"--exclude={name}" for name in ("./proc/*", "./sys/*", "./dev/*", "__pycache__")]
        command = ["tar", "-c", *left_out, "-C", tree, ".", "-C", added, *names]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as packed:
            self._run(["import", '--change=CMD ["python3"]', "-", STAND_IN], packed.stdout)

    def inspect(self, name: str) -> dict[str, Any]:
        """All that the engine knows of a container or an image."""
        found: list[dict[str, Any]] = json.loads(self("inspect", name))
        return found[0]

    def pid(self, name: str) -> int:
        """The first process of a container, as this machine numbers it."""
        return int(self.inspect(name)["State"]["Pid"])

    def healthy(self, name: str) -> None:
        """Returns once HEALTHCHECK says so."""
        until(f"{name} is healthy", lambda: self.inspect(name)["State"]["Health"]["Status"] == "healthy")


def _add(added: Path, tree: Path, wheels: Path) -> list[str]:
    """The words `python` and `pip`, as Python's own images have them; returns what to pack."""
    (added / "usr/bin").mkdir(parents=True)
    (added / "etc").mkdir()
    shutil.copytree(wheels, added / "opt/wheels")
    (pip,) = (tree / "usr/share/python-wheels").glob("pip-*.whl")
    shutil.unpack_archive(pip, added / "opt/pip", "zip")
    (added / "usr/bin/python").symlink_to("python3")
    (added / "usr/bin/pip").write_text(_PIP)
    (added / "usr/bin/pip").chmod(0o755)
    (added / "etc/pip.conf").write_text(_ONLY_WHEELS)
    return ["./usr/bin/python", "./usr/bin/pip", "./etc/pip.conf", "./opt/pip", "./opt/wheels"]
