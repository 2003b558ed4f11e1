"""The control socket: who is heard, what nonsense gets, and that a stale socket is nobody."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from relay.control.caller import NAME, NoRelay, Refused, Unreachable, ask, path_in
from relay.control.door import Door, Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

NOBODY = 65534


async def echo(request: Request) -> Mapping[str, Any]:
    return {"who": request.who, "said": request.fields.get("say")}


async def no(request: Request) -> Mapping[str, Any]:
    raise Refused("not today", "ask tomorrow")


async def broken(request: Request) -> Mapping[str, Any]:
    raise ZeroDivisionError


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """A directory whose path no socket address holds."""
    path = tmp_path / ("x" * 100) / ("y" * 100)
    path.mkdir(parents=True)
    return path


@pytest_asyncio.fixture
async def door(deep: Path) -> AsyncIterator[Door]:
    door = Door(time_limit_s=5)
    for name, handler in (("echo", echo), ("no", no), ("broken", broken)):
        door.add(name, handler)
    await door.open(deep)
    yield door
    await door.close()


async def asked(directory: Path, name: str, **fields: Any) -> dict[str, Any]:
    return await asyncio.to_thread(ask, directory, name, **fields)


def connected(directory: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    with path_in(directory) as path:
        connection.connect(path)
    return connection


def spoken(directory: Path, octets: bytes) -> dict[str, Any]:
    """The answer to these octets."""
    with connected(directory) as connection:
        connection.sendall(octets)
        return dict(json.loads(connection.makefile("rb").readline()))


async def test_an_order_is_answered_with_the_name_of_who_gave_it(door: Door, deep: Path) -> None:
    """As the system knows it; root says for whom it acts. Only the relay's user may open the socket."""
    answer = await asked(deep, "echo", say="ä")
    assert answer["said"] == "ä"
    assert answer["who"]
    if os.geteuid() == 0:
        assert answer["who"] == "root"
        assert (await asked(deep, "echo", acting="anna"))["who"] == "anna (root)"
        assert (await asked(deep, "echo", acting="a\nb"))["who"] == "root"
    assert stat.S_IMODE((deep / NAME).stat().st_mode) == 0o600


async def test_what_is_refused_says_what_to_do(door: Door, deep: Path) -> None:
    """By a handler, by none, and by one that makes a mistake: the next order is heard all the same."""
    with pytest.raises(Refused, match="not today; ask tomorrow"):
        await asked(deep, "no")
    with pytest.raises(Refused, match=r"no order 'nothing'; one of: broken, echo, no"):
        await asked(deep, "nothing")
    with pytest.raises(Refused, match="ZeroDivisionError"):
        await asked(deep, "broken")
    assert (await asked(deep, "echo", say=1))["said"] == 1


@pytest.mark.parametrize(
    "octets",
    [
        b"\n", b"\xff\xfe\n", b"{\n", b"[]\n", b"null\n", b'{"order": 1}\n', b'{"order": ["echo"]}\n',
        b"[" * 100_000 + b"\n", b"x" * (1 << 21),
    ],
)  # fmt: skip
async def test_nonsense_is_told_and_disturbs_nobody(door: Door, deep: Path, octets: bytes) -> None:
    """No JSON, no object, no end of line, far too much."""
    try:
        answer = await asyncio.to_thread(spoken, deep, octets)
    except (ConnectionResetError, BrokenPipeError):
        answer = {"ok": False}  # turned away before it had said everything
    assert answer["ok"] is False
    assert (await asked(deep, "echo", say="still here"))["said"] == "still here"


async def test_many_silent_clients_are_no_hindrance_for_long(deep: Path) -> None:
    """They are turned away after their time; one too many is told to come again."""
    door = Door(time_limit_s=0.3)
    door.add("echo", echo)
    await door.open(deep)
    silent = [await asyncio.to_thread(connected, deep) for _ in range(16)]
    with pytest.raises(Refused, match="too many ask at once"):
        await asked(deep, "echo")
    for connection in silent:
        assert await asyncio.to_thread(connection.recv, 1) == b""
        connection.close()
    assert await asked(deep, "echo")
    await door.close()


async def test_a_stale_socket_is_nobody_and_is_replaced(deep: Path) -> None:
    """A crash leaves the name; the next relay takes it over, and removes it in the end."""
    with pytest.raises(NoRelay):
        await asked(deep, "echo")
    with socket.socket(socket.AF_UNIX) as dead, path_in(deep) as path:
        dead.bind(path)
    with pytest.raises(NoRelay):
        await asked(deep, "echo")
    door = Door()
    door.add("echo", echo)
    await door.open(deep)
    assert await asked(deep, "echo")
    await door.close()
    assert not (deep / NAME).exists()


async def test_a_relay_that_is_stuck_is_not_waited_for_longer_than_one_likes(tmp_path: Path) -> None:
    """`relay status` is what somebody asks of a relay that hangs."""
    with socket.socket(socket.AF_UNIX) as stuck, path_in(tmp_path) as path:
        stuck.bind(path)
        stuck.listen()
        with pytest.raises(Unreachable, match="does not answer: timed out; see its log"):
            await asyncio.to_thread(ask, tmp_path, "status", within_s=0.1)


@pytest.mark.usefixtures("as_root")
async def test_another_user_is_told_whom_to_ask_as(tmp_path: Path) -> None:
    """By the mode of the socket; and by the relay, should somebody have widened it."""
    for directory in (tmp_path, *tmp_path.parents[:3]):
        directory.chmod(directory.stat().st_mode | 0o055)
    door = Door()
    door.add("echo", echo)
    await door.open(tmp_path)
    assert "ask as the relay's user or as root" in await asyncio.to_thread(said_as, NOBODY, tmp_path)
    (tmp_path / NAME).chmod(0o666)
    assert "you are not the relay's user" in await asyncio.to_thread(said_as, NOBODY, tmp_path)
    await door.close()


def said_as(uid: int, directory: Path) -> str:
    """What a process of that user gets to hear."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setuid(uid)
            text = str(ask(directory, "echo"))
        except (NoRelay, Unreachable, Refused) as error:
            text = f"{type(error).__name__}: {error}"
        except BaseException as error:  # noqa: BLE001
            text = repr(error)
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        return pipe.read()
