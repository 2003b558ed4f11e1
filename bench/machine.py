"""Where a run took place: what must stand beside every figure, and a directory on a real disk."""

from __future__ import annotations

import os
import platform
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
_IN_MEMORY = ("tmpfs", "ramfs", "devtmpfs")


class PlaceError(Exception):
    """The directory cannot be used for a benchmark of durable storage; the message says which can."""


def file_system(path: Path) -> str:
    """The type of the file system `path` is on, e.g. "ext4", or "unknown"."""
    best, kind = "", "unknown"  # the longest mount point that holds the path
    for line in Path("/proc/mounts").read_text().splitlines():
        mount, mount_kind = line.split()[1:3]
        if path.resolve().is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, mount_kind
    return kind


def make_work_folder(wanted: Path | None) -> Path:
    """A new directory below `wanted`, or /var/tmp. Raises `PlaceError` where an fsync would cost nothing."""
    parent = wanted or Path("/var/tmp")
    if (kind := file_system(parent)) in _IN_MEMORY:
        raise PlaceError(f"{parent} is {kind}: an fsync costs nothing there; give a directory on a disk with --work")
    folder = Path(tempfile.mkdtemp(prefix="relay-bench-", dir=parent))
    folder.chmod(0o755)  # Postfix's processes run as a user of their own
    return folder


def describe(folder: Path, postfix_version: str | None) -> dict[str, str]:
    """The machine in words: processors, load before the run, kernel, Python, Postfix, file system."""
    cores = len(os.sched_getaffinity(0))
    return {
        "processors": f"{cores} x {_processor()}",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postfix": postfix_version or "not measured",
        "file system": file_system(folder),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
