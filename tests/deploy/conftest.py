"""What the container and the booted machine are made of; made once, by whichever process comes first."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.deploy import debian, wheels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import NoReturn

    from tests.conftest import NeedTool


@pytest.fixture(scope="session")
def root_here(lacking: Callable[[str], NoReturn]) -> None:
    """Engines and machines are root's."""
    if os.geteuid() != 0:
        lacking("only root can run an engine of containers or boot a machine")


@pytest.fixture(scope="session")
def tree(root_here: None, need_tool: NeedTool) -> Path:
    """A small Debian of this machine's release."""
    for tool in ("apt-get", "dpkg-deb", "systemd-sysusers", "chroot"):
        need_tool(tool)
    return debian.tree()


@pytest.fixture(scope="session")
def wheelhouse(tree: Path) -> Path:
    """Every wheel that the product needs, for the Python of that Debian."""
    return wheels.wheels(debian.python_of(tree))
