"""A host with several addresses is reached as long as one of them answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from relay.transport import dial as dialling
from relay.transport.dial import dial

FREE = ("127.0.0.1", 1)  # nobody listens on port 1


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


@pytest.fixture
def mute():
    """An address that does not answer: its queue of waiting connections is full, so the system drops ours."""
    with contextlib.ExitStack() as held, socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        for _ in range(4):
            client = held.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server.getsockname()


@pytest.fixture
def known_as(monkeypatch):
    """`known_as(a, b)` makes names under .test resolve to these addresses, in this order."""

    def resolve(*addresses):
        usual = asyncio.get_running_loop().getaddrinfo

        async def getaddrinfo(host, *others, **how):
            if not host.endswith(".test"):  # uvloop looks every address up once more
                return await usual(host, *others, **how)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", where) for where in addresses]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)

    return resolve


@pytest.mark.parametrize("dead", ["mute", "refusing"])
async def test_a_dead_address_is_passed_over(known_as, mute, listening, monkeypatch, dead):
    """One that refuses, or lets us wait, costs its share of patience and not the connection."""
    monkeypatch.setattr(dialling, "ADDRESS_TIMEOUT_S", 0.05)
    known_as(mute if dead == "mute" else FREE, listening)

    with await dial("several.test", 587, 5.0) as sock:
        assert sock.getpeername() == listening
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_every_failure_is_told(known_as, mute, monkeypatch):
    """All dead: the error says what each address did."""
    monkeypatch.setattr(dialling, "ADDRESS_TIMEOUT_S", 0.05)
    known_as(mute, FREE)

    with pytest.raises(OSError, match=r"127\.0\.0\.1: no answer within 0\.05 s; .*refused"):
        await dial("several.test", 587, 5.0)


async def test_the_whole_patience_is_limited(known_as, mute):
    """A single mute address gets all the time there is, and no more."""
    known_as(mute)

    with pytest.raises(OSError, match=r"no connection within 0\.1 s"):
        await dial("mute.test", 587, 0.1)


async def test_a_name_nobody_knows_is_an_error():
    """The resolver's words are passed on."""
    with pytest.raises(OSError, match=r"."):
        await dial("nowhere.invalid", 587, 5.0)


async def test_the_families_take_turns():
    """After an IPv6 address comes an IPv4 one, so that a dead family costs one wait."""
    infos = [(socket.AF_INET6, 1, 6, "", ("::1", 1)), (socket.AF_INET6, 1, 6, "", ("::2", 1))]
    infos.append((socket.AF_INET, 1, 6, "", ("127.0.0.1", 1)))

    async def getaddrinfo(*_, **__):
        return infos

    asyncio.get_running_loop().getaddrinfo = getaddrinfo

    assert [where[0] for _, where in await dialling.lookup("h", 1)] == ["::1", "127.0.0.1", "::2"]
