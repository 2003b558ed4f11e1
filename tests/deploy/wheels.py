"""What the project needs to be installed, as wheels: fetched with pip as this machine has it set up, kept between runs.

A container, or a machine without a network, installs from that directory and no index.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.deploy.debian import alone, cache

ROOT = Path(__file__).resolve().parents[2]
CONSTRAINTS = ROOT / "constraints.txt"


def requirements() -> list[str]:
    """What the product needs on Linux, and what builds it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = project["project"]["dependencies"] + project["build-system"]["requires"]
    return [line.partition(";")[0].strip() for line in needed]


def wheels(python: str) -> Path:
    """A directory with every wheel for that Python ("3.11"). Raises AssertionError."""
    kind = hashlib.sha256("\n".join([python, CONSTRAINTS.read_text(), *requirements()]).encode()).hexdigest()[:12]
    directory = cache() / f"wheels-{kind}"
    with alone(cache() / "wheels.lock"):
        if not directory.exists():
            for old in cache().glob("wheels-*"):
                shutil.rmtree(old)
            unfinished = directory.with_suffix(".new")
            target = ["--only-binary=:all:", "--python-version", python]
            pip("download", "--dest", str(unfinished), *target, "--constraint", str(CONSTRAINTS), *requirements())
            unfinished.rename(directory)
    return directory


def pip(*arguments: str) -> str:
    """pip of this Python, with the machine's own settings; its complaint is the message of the AssertionError."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout
