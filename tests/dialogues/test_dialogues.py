"""Every dialogue beside this file, played against the relay's device side over real sockets."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvloop

from relay.config.settings import Tls
from relay.smtpd.tls import server_contexts
from tests.dialogues import runner, script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.dialogues.runner import Contexts

    Loop = Callable[[], asyncio.AbstractEventLoop]

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*/*.smtp"))


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """The self-signed certificate of a relay nobody gave one."""
    return server_contexts(Tls(), tmp_path_factory.mktemp("tls"), "relay.test")


@pytest.fixture
def directory() -> Iterator[Path]:
    """In memory where there is such a place: what a disk takes for its promises is not what is tested here."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_dialogue(path: Path, directory: Path, tls: Contexts) -> None:
    """The device gets the answers its file expects, and what it handed in arrives as it was meant."""
    _play(path, uvloop.new_event_loop, directory, tls)


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.parent.name in ("tcp", "tls")], ids=lambda path: path.stem
)
def test_without_uvloop(path: Path, directory: Path, tls: Contexts) -> None:
    """Connections begin and end alike on asyncio's own loop, which is the one where uvloop can't be had."""
    _play(path, asyncio.new_event_loop, directory, tls)


def _play(path: Path, loop: Loop, directory: Path, tls: Contexts) -> None:
    with asyncio.Runner(loop_factory=loop) as event_loop:
        event_loop.run(runner.run(script.read(path), directory, tls))


def test_there_are_enough() -> None:
    """Eighty dialogues were promised; the glob must find them."""
    assert len(FILES) >= 80


def test_each_names_who_speaks_so() -> None:
    """A dialogue without a public source would be an invention."""
    for path in FILES:
        played = script.read(path)
        assert all(source.startswith(("https://", "RFC ", "measured")) for source in played.many("Source")), path
