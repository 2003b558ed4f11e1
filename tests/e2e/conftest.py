"""The relay as a process, a pretend Microsoft 365 beside it, and devices on sockets."""

from __future__ import annotations

import itertools
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.configuration import configuration, write
from tests.e2e.pretend import PretendCloud
from tests.e2e.running import RunningRelay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., RunningRelay]

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def cloud() -> Iterator[PretendCloud]:
    """One pretend Microsoft 365 for the tests of a module."""
    with PretendCloud() as running:
        yield running


@pytest.fixture(scope="module")
def relay(cloud: PretendCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRelay]:
    """One relay for the tests of a module; it must end in order and must never have made a mistake of its own."""
    directory = tmp_path_factory.mktemp("relay")
    config = write(directory / "relay.yaml", configuration(cloud, directory))
    with RunningRelay(config) as running:
        yield running
        assert running.stop() == 0, running.journal.tail()
        assert running.stderr == ""
        assert not running.journal.seen("session.failed")


@pytest.fixture
def start(cloud: PretendCloud, tmp_path: Any) -> Iterator[Start]:
    """`start(delivery={…})` runs a relay of this test alone; called again, another one on the same data directory."""
    with ExitStack() as stack:

        def run(*, prefix: tuple[str, ...] = (), env: dict[str, str] | None = None, **changes: Any) -> RunningRelay:
            config = write(tmp_path / "relay.yaml", configuration(cloud, tmp_path, **changes))
            return stack.enter_context(RunningRelay(config, prefix=prefix, env=env))

        yield run


@pytest.fixture
def somebody() -> str:
    """A recipient nobody else writes to."""
    return f"r{next(_numbers)}@contoso.test"
