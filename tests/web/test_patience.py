"""The pages among clients that hold connections: descriptors and probes are not theirs."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from relay.config.dashboard import Http
from relay.web import server
from relay.web.door import bound

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.web.conftest import Open

ASKED = b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n"


def test_silent_connections_take_no_place_from_a_probe(show: Open) -> None:
    """Those that came first and asked nothing are closed for those that come."""
    shown = show()
    with ExitStack() as stack:
        first, *_ = [stack.enter_context(socket.create_connection(("127.0.0.1", shown.port))) for _ in range(80)]
        assert shown.get("/healthz").status == 200
        first.settimeout(20)
        assert heard(first) == b""


def test_who_goes_away_in_the_middle_of_a_form_is_no_mistake_of_the_relay(show: Open) -> None:
    """Anybody may begin one at the sign-in; the log is for what an administrator has to do something about."""
    shown = show()
    with socket.create_connection(("127.0.0.1", shown.port)) as client:
        client.sendall(b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nname=")
        assert shown.get("/healthz").status == 200  # by then it is being read
    for _ in range(3):
        assert shown.get("/healthz").status == 200
    assert shown.relay.stop() == 0
    assert not shown.relay.journal.seen("http.failed")


async def test_whoever_asks_nothing_in_time_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent from the beginning, in the middle of a request, or behind an answer."""
    monkeypatch.setattr(server, "_PATIENCE_S", 0.2)
    monkeypatch.setattr(server, "_IDLE_S", 600)
    nobody = cast("Any", SimpleNamespace(settings=SimpleNamespace(hostname="relay", http=Http(dashboard=False))))
    serving, door = server.Serving(nobody, nobody, nobody), bound("127.0.0.1:0")
    running = asyncio.create_task(serving.run(door))
    for words in (b"", ASKED[:-3], ASKED, ASKED + ASKED[:5]):
        answer = await asyncio.wait_for(told(door.getsockname()[1], words), 20)
        assert answer.startswith(b"HTTP/1.1 200") == words.startswith(ASKED)
    serving.end()
    await running


async def test_whoever_waits_for_us_or_takes_an_answer_slowly_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """An order to much mail, a download over a slow line; but who takes nothing at all is cut."""
    size, ended = 1 << 23, asyncio.Event()

    async def work(_scope: Any, _receive: Any, send: Any) -> None:
        await asyncio.sleep(1.5)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % size)]})
        for left in range(size, 0, -(1 << 18)):
            await send({"type": "http.response.body", "body": b"x" * (1 << 18), "more_body": left > 1 << 18})
        ended.set()

    monkeypatch.setattr(server, "_PATIENCE_S", 0.3)
    monkeypatch.setattr(server, "application", lambda *_: work)
    nobody = cast("Any", SimpleNamespace(settings=SimpleNamespace(http=Http(dashboard=False))))
    serving, door = server.Serving(nobody, nobody, nobody), bound("127.0.0.1:0")
    port, running = door.getsockname()[1], asyncio.create_task(serving.run(door))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(ASKED)
    await reader.readuntil(b"\r\n\r\n")
    heard = 0
    while heard < size:
        heard += len(await asyncio.wait_for(reader.readexactly(1 << 19), 20))
        await asyncio.sleep(0.1)
    await asyncio.wait_for(ended.wait(), 20)
    ended.clear()
    _, silent = await asyncio.open_connection("127.0.0.1", port, limit=1)
    silent.write(ASKED)
    await asyncio.wait_for(ended.wait(), 20)  # by its end: nobody holds the answer up any more
    for one in (writer, silent):
        one.close()
    serving.end()
    await running


async def told(port: int, words: bytes) -> bytes:
    """Everything until the other side ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(words)
    heard = b""
    while piece := await piece_of(reader.read):
        heard += piece
    writer.close()
    return heard


async def piece_of(read: Callable[[int], Any]) -> bytes:
    try:
        return cast("bytes", await read(4096))
    except ConnectionResetError:
        return b""


def heard(client: socket.socket) -> bytes:
    """The next octets; none when the connection was ended, in whichever way."""
    try:
        return client.recv(100)
    except ConnectionResetError:
        return b""
