"""A machine that systemd boots, in systemd-nspawn: a Debian tree with a layer over it that goes away."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.deploy.inside import until

if TYPE_CHECKING:
    from tests.conftest import NeedTool

POWER_OFF = "RTMIN+4"  # what systemd as PID 1 takes for `poweroff`


class Machine:
    """Booted, from `with` to its end. Its network is its own, a loopback alone."""

    def __init__(self, tree: Path, shared: Path, need_tool: NeedTool) -> None:
        self._enter = need_tool("nsenter")
        self._log = shared / f"console-{os.getpid()}.log"
        self._command = [
            need_tool("systemd-nspawn"), "--register=no", "--keep-unit", "--quiet", f"--directory={tree}",
            "--volatile=overlay", "--boot", "--console=read-only", "--private-network",
            f"--machine=relay-test-{os.getpid()}", f"--bind-ro={shared}:/shared",
        ]  # fmt: skip

    def __enter__(self) -> Self:
        surroundings = os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        with self._log.open("w") as log:
            self._nspawn = subprocess.Popen(
                self._command, env=surroundings, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            until("the machine is up", self._is_up)
        except BaseException:
            self._nspawn.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["kill", f"-{POWER_OFF}", str(self.pid)], check=False)
        try:
            self._nspawn.wait(20)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()

    def _is_up(self) -> bool:
        """Looks for its first process each time: nspawn's first child only prepares it."""
        number = self._nspawn.pid
        assert self._nspawn.poll() is None, self._log.read_text()[-2000:]
        self.pid = int(Path(f"/proc/{number}/task/{number}/children").read_text().strip() or 0)
        return self.pid > 0 and self.ask("systemctl", "is-system-running") in ("running", "degraded")

    def ask(self, *words: str) -> str:
        """What a command there prints, however it ends."""
        return self._run(words, "").stdout.strip()

    def do(self, *words: str, stdin: str = "") -> str:
        """What a command there prints; it must end well."""
        ended = self._run(words, stdin)
        assert ended.returncode == 0, (
            f"{' '.join(words)}: {ended.stderr}{ended.stdout}\n{self.ask('journalctl', '-n30')}"
        )
        return ended.stdout.strip()

    def _run(self, words: tuple[str, ...], stdin: str) -> subprocess.CompletedProcess[str]:
        everything = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
        surroundings = (
            "env",
            "-i",
            "--chdir=/",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            "SYSTEMD_COLORS=0",
            "SYSTEMD_PAGER=",
            "LANG=C.UTF-8",
        )
        command = [self._enter, "--target", str(self.pid), *everything, "--", *surroundings, *words]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)

    def write(self, path: str, text: str, mode: str = "0644") -> None:
        """A file there, with the directories above it."""
        self.do("install", "-D", "-m", mode, "/dev/stdin", path, stdin=text)

    def unit(self, name: str, unit: str = "relay.service") -> str:
        """One property, as `systemctl show` has it."""
        return self.do("systemctl", "show", "--value", f"--property={name}", unit)
