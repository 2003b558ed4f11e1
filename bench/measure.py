"""What a peer used, read from /proc: processor time and memory of a process and all its descendants.

Processor time counts children already reaped (Postfix starts one process after another), so nothing that ended is
missed. PSS counts a page shared by n processes as 1/n each (Linux Documentation/filesystems/proc.rst), so that a family
of processes is not charged several times for the same code.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

_TICKS = os.sysconf("SC_CLK_TCK")
_SAMPLE_EVERY_S = 0.05


def family(root: int) -> list[int]:
    """The process `root` and all that descend from it, parents before children."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            children.setdefault(int(stat[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of the family since it began, the dead and reaped included."""
    ticks = 0
    for pid in family(root):
        if stat := _stat(pid):
            ticks += sum(int(value) for value in stat[11:15])  # utime stime cutime cstime
    return ticks / _TICKS


def pss_octets(root: int) -> int:
    """Proportional set size of the family now."""
    return sum(_pss(pid) for pid in family(root))


class PeakMemory:
    """Samples the family's PSS from entry to exit; `octets` is the largest seen."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._compared = threading.Lock()
        self.octets = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def sample(self) -> None:
        """Looks now; from any thread, a smaller look never replaces a larger one."""
        seen = pss_octets(self._root)
        with self._compared:
            self.octets = max(self.octets, seen)

    def _watch(self) -> None:
        while not self._over.is_set():
            self.sample()
            self._over.wait(_SAMPLE_EVERY_S)


def _stat(pid: int) -> list[str]:
    """Fields 3 and on of /proc/PID/stat (man proc(5)); empty when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _pss(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # gone, or a zombie
        return 0
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
