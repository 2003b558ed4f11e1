"""PROXY protocol: what a trusted load balancer says is believed, what anybody else says is refused."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import struct
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.proxy_protocol import get_proxy
from hypothesis import given
from hypothesis import strategies as st

from relay.smtpd.proxy import SIGNATURE, ProxyError, announced, version1, version2
from tests.smtpd.conftest import LETTER, Device, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import NeedTool
    from tests.smtpd.conftest import Door

V4 = b"PROXY TCP4 10.9.9.9 192.0.2.1 40000 25\r\n"
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"
BEHIND = {"listen": "127.0.0.1:0", "proxy_protocol": {"trusted": ["127.0.0.2"]}}


def binary(client: str, addition: bytes = b"", kind: int = 1) -> bytes:
    """A header of version 2 for a TCP connection."""
    address = ipaddress.ip_address(client)
    family = 0x10 if address.version == 4 else 0x20
    rest = address.packed * 2 + struct.pack("!HH", 40000, 25) + addition
    return SIGNATURE + struct.pack("!BBH", 0x21, family | kind, len(rest)) + rest


async def read(octets: bytes) -> tuple[str | None, bytes]:
    """The address in a header, and what was left unread behind it."""
    reader = asyncio.StreamReader()
    reader.feed_data(octets)
    reader.feed_eof()
    return await announced(reader.readexactly), await reader.read()


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (V4, "10.9.9.9"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN whatever stands here\r\n", None),
        (binary("10.9.9.9"), "10.9.9.9"),
        (binary("2001:db8::7"), "2001:db8::7"),
        (binary("10.9.9.9", addition=b"\x04\x00\x03abc"), "10.9.9.9"),
        (LOCAL, None),
        (SIGNATURE + b"\x21\x00\x00\x00", None),
        (SIGNATURE + b"\x20\x11\x00\x0c" + bytes(12), None),
    ],
)
async def test_a_header_names_the_client_and_nothing_behind_it_is_touched(header: bytes, client: str | None) -> None:
    """A TLS handshake may stand in the same packet."""
    assert await read(header + b"\x16\x03\x01") == (client, b"\x16\x03\x01")


@pytest.mark.parametrize(
    "header",
    [
        b"EHLO copier.test\r\n",
        b"PROXY TCP4 10.9.9.9 192.0.2.1 40000\r\n",
        b"PROXY TCP4 10.9.9.9 192.0.2.1 40000 25 26\r\n",
        b"PROXY TCP4 10.9.9.9 192.0.2.1 40000 65536\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
        b"PROXY TCP4 10.9.9.999 192.0.2.1 40000 25\r\n",
        b"PROXY TCP4 10.9.9.9 192.0.2.1 40000 25\n",
        b"PROXY TCP4  10.9.9.9 192.0.2.1 40000 25\r\n",
        b"PROXY UDP4 10.9.9.9 192.0.2.1 40000 25\r\n",
        b"PROXY UNKNOWN " + b"x" * 200 + b"\r\n",
        SIGNATURE + b"\x11\x11\x00\x0c" + bytes(12),
        SIGNATURE + b"\x22\x11\x00\x0c" + bytes(12),
        SIGNATURE + b"\x21\x11\x00\x0b" + bytes(11),
        SIGNATURE + b"\x21\x11\xff\xff" + bytes(65535),
        binary("10.9.9.9", kind=2),
        SIGNATURE + b"\x21\x31\x00\xd8" + bytes(216),
    ],
)
async def test_a_malformed_header_is_an_error(header: bytes) -> None:
    """Nothing is guessed: not from two spaces, not from a missing port."""
    with pytest.raises(ProxyError):
        await read(header)


@given(st.sampled_from(["TCP4", "TCP6", "UNKNOWN"]), st.ip_addresses(), st.ip_addresses(), st.integers(0, 70000))
def test_version_1_is_read_as_aiosmtpd_reads_it(proto: str, client: Any, local: Any, port: int) -> None:
    """Two readers of one specification."""
    line = f"PROXY {proto} {client} {local} {port} 25\r\n".encode()
    assert ours(version1, line) == theirs(line)


@given(st.sampled_from([0x20, 0x21]), st.sampled_from([0x00, 0x11, 0x21]), st.binary(min_size=36, max_size=36))
def test_version_2_is_read_as_aiosmtpd_reads_it(command: int, family: int, rest: bytes) -> None:
    """As far as both take it; LOCAL carries addresses that are not to be believed."""
    head = SIGNATURE + struct.pack("!BBH", command, family, len(rest))
    expected = theirs(head + rest) if command == 0x21 else None
    assert ours(version2, head, rest) == expected


@given(st.binary(max_size=300), st.sampled_from([b"", b"PROXY ", SIGNATURE, SIGNATURE + b"\x21\x11\x00\x20"]))
def test_garbage_is_an_error_and_nothing_else(garbage: bytes, prefix: bytes) -> None:
    """Whatever comes: an address, no address, `ProxyError`, or too few octets."""
    try:
        client, _ = asyncio.run(read(prefix + garbage))
    except (ProxyError, asyncio.IncompleteReadError):
        return
    assert client is None or ipaddress.ip_address(client)


def ours(parse: Callable[..., str | None], *octets: bytes) -> str | None:
    try:
        return parse(*octets)
    except ProxyError:
        return "malformed"


def theirs(octets: bytes) -> str | None:
    async def parsed() -> Any:
        reader = asyncio.StreamReader()
        reader.feed_data(octets)
        reader.feed_eof()
        return await get_proxy(reader)

    data = asyncio.run(parsed())
    if not data.valid:
        return "malformed"
    return None if data.src_addr is None else str(data.src_addr)


# -- on sockets


async def connected(door: Door, source: str, first: bytes, port: int = 0) -> Device:
    """A connection from one loopback address, with its first octets sent."""
    device = Device(*await asyncio.open_connection("127.0.0.1", door.ports[port], local_addr=(source, 0)))
    door.devices.append(device)
    device.say(first)
    return device


def devices(address: str) -> dict[str, Any]:
    return {"copier": {"address": address, "profile": "scans"}}


@pytest.mark.parametrize(
    ("header", "address"),
    [(V4, "10.9.9.9"), (binary("10.9.9.9"), "10.9.9.9"), (binary("2001:db8::7"), "2001:db8::/64")],
)
async def test_the_address_the_load_balancer_tells_makes_the_device(
    open_door: Callable[..., Any], header: bytes, address: str
) -> None:
    """In the match and in the journal; the letter goes through."""
    door = await open_door(listeners=[BEHIND], devices=devices(address))
    device = await connected(door, "127.0.0.2", header)
    await device.envelope()
    device.say(LETTER + b".\r\n")
    assert (await device.hear())[:3] == "250"
    assert door.events("message.received")[0]["client"] in ("10.9.9.9", "2001:db8::7")


@pytest.mark.parametrize("header", [LOCAL, b"PROXY UNKNOWN\r\n"])
async def test_a_header_without_an_address_leaves_that_of_the_load_balancer(
    open_door: Callable[..., Any], header: bytes
) -> None:
    """Its own health checks."""
    door = await open_door(listeners=[BEHIND], devices=devices("127.0.0.2"))
    device = await connected(door, "127.0.0.2", header)
    await device.envelope()


@pytest.mark.parametrize("header", [V4, binary("10.9.9.9")])
@pytest.mark.parametrize("listener", [BEHIND, {"listen": "127.0.0.1:0"}], ids=["behind", "plain"])
async def test_a_header_from_anybody_else_ends_the_connection(
    open_door: Callable[..., Any], listener: dict[str, Any], header: bytes
) -> None:
    """Or anybody could be any device."""
    door = await open_door(listeners=[listener], devices=devices("10.9.9.9"))
    device = await connected(door, "127.0.0.3", header + b"EHLO x\r\nMAIL FROM:<a@b.test>\r\n")
    assert (await device.hear())[:3] == "220"
    assert await device.hear() == ""
    (refused,) = door.events("client.refused")
    assert (refused["client"], refused["reason"]) == (
        "127.0.0.3",
        "a PROXY header came from an address that is not trusted",
    )
    assert "proxy_protocol.trusted" in refused["remedy"]


async def test_a_device_beside_the_load_balancer_is_itself(open_door: Callable[..., Any]) -> None:
    """The listener may be reached directly as well."""
    door = await open_door(listeners=[BEHIND], devices=devices("127.0.0.3"))
    device = await connected(door, "127.0.0.3", b"")
    await device.envelope()


@pytest.mark.parametrize(
    "first", [b"PROXY TCP4 nonsense\r\n", b"EHLO copier.test\r\n", SIGNATURE + b"\x31\x11\x00\x00"]
)
async def test_a_malformed_header_closes_and_is_told(open_door: Callable[..., Any], first: bytes) -> None:
    """Without a greeting; the next connection is greeted."""
    door = await open_door(listeners=[BEHIND])
    device = await connected(door, "127.0.0.2", first)
    assert await device.ended()
    (refused,) = door.events("client.refused")
    assert refused["client"] == "127.0.0.2"
    assert "PROXY" in refused["reason"]
    after = await connected(door, "127.0.0.2", V4)
    assert (await after.hear())[:3] == "220"


async def test_a_load_balancer_that_says_nothing_is_named(
    open_door: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for our greeting, we wait for its header: after a while somebody has to say so."""
    monkeypatch.setattr("relay.smtpd.porch._HEADER_S", 0.05)
    door = await open_door(listeners=[BEHIND])
    device = await connected(door, "127.0.0.2", b"")
    assert await device.ended()
    (refused,) = door.events("client.refused")
    assert refused["reason"] == "PROXY protocol: no header came"
    assert "load balancer" in refused["remedy"]


async def test_a_health_check_that_only_connects_leaves_no_trace(open_door: Callable[..., Any]) -> None:
    """They come every few seconds."""
    behind = await open_door(listeners=[BEHIND])
    device = await connected(behind, "127.0.0.2", b"")
    device.writer.write_eof()
    assert await device.ended()
    assert not behind.events("client.refused")


@pytest.mark.parametrize("header", [V4, binary("10.9.9.9")])
async def test_the_header_comes_before_implicit_tls(
    open_door: Callable[..., Any], trusting: ssl.SSLContext, header: bytes
) -> None:
    """Header and ClientHello in one packet, as a load balancer sends them that passes bytes on."""
    door = await open_door(listeners=[BEHIND | {"tls": "implicit"}], devices=devices("10.9.9.9"))
    reader, writer = await asyncio.open_connection("127.0.0.1", door.ports[0], local_addr=("127.0.0.2", 0))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trusting.wrap_bio(incoming, outgoing)
    first = header
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            writer.write(first + outgoing.read())
            first = b""
            incoming.write(await reader.read(65536))
    writer.write(outgoing.read())
    assert await spoken(tls, incoming, reader) == b"220 relay.test ESMTP ready\r\n"
    tls.write(b"EHLO x\r\n")
    writer.write(outgoing.read())
    assert b"STARTTLS" not in await spoken(tls, incoming, reader)
    tls.write(b"MAIL FROM:<a@b.test>\r\n")
    writer.write(outgoing.read())
    assert (await spoken(tls, incoming, reader))[:3] == b"250"
    writer.transport.abort()
    await until(lambda: door.house.sessions == 0)


async def spoken(tls: ssl.SSLObject, incoming: ssl.MemoryBIO, reader: asyncio.StreamReader) -> bytes:
    """The next clear text."""
    while True:
        try:
            return tls.read(65536)
        except ssl.SSLWantReadError:
            incoming.write(await reader.read(65536))


HAPROXY = """
defaults
  mode tcp
  timeout connect 5s
  timeout client 5s
  timeout server 5s
listen smtp
  bind fd@{listening}
  server relay 127.0.0.1:{port} source 127.0.0.2 {header} {check}
"""


@pytest.mark.parametrize("header", ["send-proxy", "send-proxy-v2", "send-proxy-v2-ssl-cn"])
@pytest.mark.parametrize("tls", ["none", "implicit"])
async def test_haproxy_in_front(
    open_door: Callable[..., Any], need_tool: NeedTool, trusting: ssl.SSLContext, header: str, tls: str
) -> None:
    """The real thing, its health checks on: the device behind it is known by its own address."""
    door = await open_door(listeners=[BEHIND | {"tls": tls}], devices=devices("127.0.0.7"))
    with socket.create_server(("127.0.0.1", 0)) as front:
        text = HAPROXY.format(listening=front.fileno(), port=door.ports[0], header=header, check="check inter 50ms")
        (door.directory / "haproxy.cfg").write_text(text)
        haproxy = await asyncio.create_subprocess_exec(
            need_tool("haproxy"), "-db", "-q", "-f", str(door.directory / "haproxy.cfg"), pass_fds=[front.fileno()]
        )
        try:
            streams = await asyncio.open_connection(
                *front.getsockname(), local_addr=("127.0.0.7", 0), ssl=trusting if tls == "implicit" else None
            )
            device = Device(*streams)
            door.devices.append(device)
            await device.envelope()
            device.say(LETTER + b".\r\n")
            assert (await device.hear())[:3] == "250"
        finally:
            haproxy.terminate()
            await haproxy.wait()
    assert door.events("message.received")[0]["client"] == "127.0.0.7"
    assert not door.events("client.refused")
