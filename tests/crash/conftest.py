"""A cloud that outlives every relay, and a relay that may be killed as often as a test likes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.crash.lives import Lives
from tests.crash.pretend import Pretend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def cloud_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pretend]:
    """One process of the pretend Microsoft 365 for the tests of a file."""
    running = Pretend(tmp_path_factory.mktemp("cloud"))
    yield running
    running.close()


@pytest.fixture
async def cloud(cloud_of_module: Pretend) -> AsyncIterator[Pretend]:
    """The cloud, without faults before and after."""
    yield cloud_of_module
    await cloud_of_module.clear_faults()
    await cloud_of_module.switch(exchange="up", entra="up")


@pytest.fixture
async def lives(tmp_path: Path, cloud: Pretend) -> AsyncIterator[Lives]:
    """A relay on that cloud, not yet started; whatever runs at the end is killed."""
    relay = Lives(tmp_path, cloud)
    yield relay
    await relay.close()
