"""Every runtime dependency, as it is pinned, comes as a wheel for 64-bit ARM: a Raspberry Pi compiles nothing."""

from __future__ import annotations

import re
from importlib.metadata import distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.wheels import CONSTRAINTS, pip

# Debian 12 has glibc 2.36; Python 3.11 is Debian's, 3.12 the image's.
PLATFORMS = ("manylinux_2_35_aarch64", "manylinux_2_34_aarch64", "manylinux_2_28_aarch64", "manylinux2014_aarch64")


def needed(name: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """A package and all that it needs here, by their installed metadata."""
    found = {canonicalize_name(name)}
    for line in distribution(name).requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": word}) for word in extras | {""}):
            found |= needed(requirement.name, frozenset(requirement.extras))
    return found


def compiled(name: str) -> bool:
    """Whether its wheel is for one platform alone; any other serves everywhere."""
    return "Root-Is-Purelib: false" in (distribution(name).read_text("WHEEL") or "")


@pytest.mark.parametrize("python", ["3.11", "3.12"])
def test_what_is_compiled_has_wheels_for_arm64(python, tmp_path):
    """pip, told to take no source, finds each pinned version for aarch64."""
    frozen = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)$", CONSTRAINTS.read_text(), re.MULTILINE)
    pins = {canonicalize_name(name): version for name, version in frozen}
    wanted = sorted(f"{name}=={pins[name]}" for name in needed("m365-smtp-relay") if compiled(name))
    said = pip(
        "install", "--dry-run", "--no-deps", "--ignore-installed", f"--target={tmp_path}", "--only-binary=:all:",
        f"--python-version={python}", *(f"--platform={name}" for name in PLATFORMS), *wanted,
    )  # fmt: skip

    assert {line.partition("==")[0] for line in wanted} >= {"cryptography", "pydantic-core", "pyyaml", "uvloop"}
    assert len(re.findall(r"\S+", said.partition("Would install ")[2])) == len(wanted)
