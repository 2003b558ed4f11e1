"""The player notices what small devices would trip over: it is shown replies that must not pass."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.dialogues import script
from tests.dialogues.player import Player, Unexpected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Says = Callable[..., None]

DIALOGUE = "Device: x\nSource: RFC 5321\nWhy: x\nArrives: 0\nC: EHLO x\nS: 250 ~ok~\nclosed\n"


@pytest.fixture
def says(tmp_path: Path) -> Iterator[Says]:
    """`says(b"…", b"…")` plays the dialogue against somebody who says these segments and closes."""
    threads: list[threading.Thread] = []

    def play(*segments: bytes) -> None:
        path = tmp_path / "a.smtp"
        path.write_text(DIALOGUE)
        server = socket.create_server(("127.0.0.1", 0))
        threads.append(threading.Thread(target=_answer, args=(server, segments)))
        threads[-1].start()
        Player(script.read(path), server.getsockname(), "127.0.0.1", implicit=False).play()

    yield play
    for thread in threads:
        thread.join()


def _answer(server: socket.socket, segments: tuple[bytes, ...]) -> None:
    with server, server.accept()[0] as connection:
        connection.recv(1000)
        for segment in segments:
            connection.sendall(segment)
            time.sleep(0.02)


def test_a_good_reply_passes(says: Says) -> None:
    """One segment, known code, enhanced code."""
    says(b"250 2.0.0 ok\r\n")


@pytest.mark.parametrize(
    "segments",
    [
        (b"250-relay.test\r\n", b"250 ok\r\n"),
        (b"250 2.0", b".0 ok\r\n"),
        (b"250 2.0.0 no\r\n",),
        (b"455 4.0.0 ok\r\n",),
        (b"250 ok\r\n",),
        (b"250-2.0.0 a\r\n250 2.0.0 ok\r\n",),
        (b"250 2.0.0 ok\n",),
        (b"250 2.0.0 \xc3\xb6 ok\r\n",),
        (b"250 2.0.0 ok" + b"!" * 510 + b"\r\n",),
        (b"250 2.0.0 ok\r\n", b"250 2.0.0 more\r\n"),
        (),
    ],
    ids=["two segments", "cut", "text", "code", "status", "lines", "line end", "8 bit", "long", "surplus", "nothing"],
)
def test_a_bad_reply_is_noticed(says: Says, segments: tuple[bytes, ...]) -> None:
    """Each of these has stopped a real device."""
    with pytest.raises(Unexpected):
        says(*segments)


def test_a_line_that_says_nothing_is_no_dialogue(tmp_path: Path) -> None:
    """A typing mistake must not make a dialogue shorter."""
    path = tmp_path / "a.smtp"
    path.write_text(DIALOGUE + "S 250\n")
    with pytest.raises(script.ScriptError, match=r"a\.smtp:8"):
        script.read(path)
