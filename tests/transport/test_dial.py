"""A host with several addresses is reached as long as one of them answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from relay.transport import dial as dialling
from relay.transport.dial import Family, Network, dial

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


@pytest.fixture
def answering(monkeypatch):
    """`answering({AF_INET6: [...], AF_INET: [...]}, at_first=[AF_INET6])`: what the DNS says, and what it says when it
    is asked for both families at once.
    """

    def resolve(known, at_first=None):
        asked = []

        async def getaddrinfo(host, port, *, family=0, **_):
            asked.append((host, family))
            families = [family] if family else at_first or list(known)
            found = [(each, socket.SOCK_STREAM, 6, "", where) for each in families for where in known.get(each, [])]
            if not found:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return found

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
        return asked

    return resolve


@pytest.fixture
def listening6():
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        yield server.getsockname()


async def test_a_slow_address_loses_the_race_at_once(known_as, mute, listening, monkeypatch):
    """The next address starts while the first one still waits; nobody sits out its patience."""
    monkeypatch.setattr(dialling, "STAGGER_S", 0.01)
    monkeypatch.setattr(dialling, "ADDRESS_TIMEOUT_S", 3600.0)
    known_as(mute, listening)

    with await dial("several.test", 587, 60.0) as sock:
        assert sock.getpeername() == listening


async def test_half_an_answer_of_the_dns_strands_no_mail(answering, listening, listening6):
    """IPv6 alone was answered, and nobody is there: IPv4 is asked for by itself."""
    dead = ("::1", 1, 0, 0)
    asked = answering({socket.AF_INET6: [dead], socket.AF_INET: [listening]}, at_first=[socket.AF_INET6])

    with await dial("half.test", 587, 5.0) as sock:
        assert sock.getpeername() == listening
    assert asked == [("half.test", 0), ("half.test", socket.AF_INET)]


async def test_a_host_of_ipv6_alone_is_reached(answering, listening6):
    """No IPv4 address is needed."""
    answering({socket.AF_INET6: [listening6]})

    with await dial("six.test", 587, 5.0) as sock:
        assert sock.getpeername()[0] == "::1"


async def test_both_families_dead_tells_of_both(answering):
    """The error names the IPv6 and the IPv4 address, though the DNS gave only one of them at first."""
    answering({socket.AF_INET6: [("::1", 1, 0, 0)], socket.AF_INET: [FREE]}, at_first=[socket.AF_INET6])

    with pytest.raises(OSError, match=r"::1: .*refused; 127\.0\.0\.1: .*refused"):
        await dial("dead.test", 587, 5.0)


@pytest.mark.parametrize(("family", "first"), [(Family.AUTO, "::1"), (Family.IPV4, "127.0.0.1"), (Family.IPV6, "::1")])
async def test_the_configured_family_is_tried_first(answering, family, first):
    """The other one stays in the race."""
    answering({socket.AF_INET6: [("::1", 1, 0, 0)], socket.AF_INET: [FREE]})
    found = await dialling.lookup("both.test", 587, Network(family=family))

    assert next(where[0] for _, where in found) == first
    assert len(found) == 2


async def test_the_source_address_is_the_one_that_was_configured(answering, listening, listening6):
    """And only hosts of its family are asked for: nobody can speak IPv6 from an IPv4 address."""
    asked = answering({socket.AF_INET6: [listening6], socket.AF_INET: [listening]})

    with await dial("both.test", 587, 5.0, Network(source_address="127.0.0.7")) as sock:
        assert (sock.getsockname()[0], sock.getpeername()) == ("127.0.0.7", listening)
    assert asked == [("both.test", socket.AF_INET)]


async def test_a_source_address_of_another_machine_is_told(answering, listening):
    """The system's words."""
    answering({socket.AF_INET: [listening]})

    with pytest.raises(OSError, match=r"assign requested address"):
        await dial("one.test", 587, 5.0, Network(source_address="192.0.2.1"))


async def test_the_name_is_resolved_for_each_connection(answering, listening, listening6):
    """Microsoft moves its addresses: nothing is pinned."""
    known = {socket.AF_INET6: [listening6]}
    asked = answering(known)
    (await dial("moving.test", 587, 5.0)).close()
    known.clear()
    known[socket.AF_INET] = [listening]

    with await dial("moving.test", 587, 5.0) as sock:
        assert sock.getpeername() == listening
    assert len(asked) == 2
