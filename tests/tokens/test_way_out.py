"""How sign-in leaves the machine: through the configured proxy, from the configured address, and not otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from relay.sandbox.cloud import Cloud, CloudOptions
from relay.tokens.answers import Recorder, Route
from relay.tokens.credentials import Secret
from relay.tokens.entra import Entra
from relay.tokens.keeper import Keeper
from relay.tokens.source import TokenError


class Proxy:
    """A small HTTP proxy that knows CONNECT (RFC 9110 §9.3.6); `answer` is what it says to it."""

    def __init__(self):
        self.asked = []
        self.answer = b"HTTP/1.1 200 Connection established\r\n\r\n"

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _serve(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append((head, writer.get_extra_info("peername")[0]))
            writer.write(self.answer)
            if b" 200 " in self.answer:
                host, _, port = head.split()[1].rpartition(":")
                there, back = await asyncio.open_connection(host, int(port))
                await asyncio.gather(_pour(reader, back), _pour(there, writer))
        writer.close()


async def _pour(source, sink):
    with contextlib.suppress(OSError):
        while octets := await source.read(65536):
            sink.write(octets)
    sink.close()


@contextlib.asynccontextmanager
async def asking(**route):
    """A cloud and a keeper that asks it by that route."""
    async with Cloud(CloudOptions()) as cloud:
        at = cloud.settings
        secret, out = Secret(lambda: at.client_secret), Route(at.ca_file, **route)
        yield cloud, Keeper(Entra(at.client_id, at.authority, at.scope, credential=secret, route=out), grace_s=300)


async def test_the_configured_proxy_carries_all_of_it():
    """Discovery and token go through CONNECT to the authority's host, with our CA checked at the far end."""
    async with Proxy() as proxy, asking(https_proxy=proxy.url) as (cloud, keeper):
        await keeper.token()
        host = cloud.settings.authority.split("/")[2]

        assert {tuple(head.split()[:2]) for head, _ in proxy.asked} == {("CONNECT", host)}


async def test_a_proxy_in_the_environment_is_not_used(monkeypatch):
    """Nor is an exception from the configured one taken from there."""
    async with Proxy() as theirs, Proxy() as ours:
        monkeypatch.setenv("HTTPS_PROXY", theirs.url)
        async with asking() as (_, keeper):
            await keeper.token()
        monkeypatch.setenv("NO_PROXY", "*")
        async with asking(https_proxy=ours.url) as (_, keeper):
            await keeper.token()

        assert (theirs.asked, bool(ours.asked)) == ([], True)


async def test_the_proxy_gets_its_password_and_no_error_shows_it():
    """User and password of the address go into Proxy-Authorization; 407 is told without them."""
    async with Proxy() as proxy:
        proxy.answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
        with_password = proxy.url.replace("//", "//relay:s3cr3t@")
        async with asking(https_proxy=with_password) as (_, keeper):
            with pytest.raises(TokenError) as caught:
                await keeper.token()

        assert "Proxy-Authorization: Basic cmVsYXk6czNjcjN0" in proxy.asked[0][0]
        assert caught.value.error == "unreachable"
        assert f"the proxy {proxy.url[7:]} (outgoing.https_proxy)" in caught.value.description
        assert "407 Proxy Authentication Required" in caught.value.description
        assert "s3cr3t" not in caught.value.description + repr(Route(https_proxy=with_password))


async def test_a_proxy_that_is_not_there_is_named():
    """The error says that it is the proxy, not Entra."""
    async with asking(https_proxy="http://127.0.0.1:1") as (_, keeper):
        with pytest.raises(TokenError, match=r"the proxy 127\.0\.0\.1:1 .* refused"):
            await keeper.token()


async def test_the_source_address_is_kept():
    """The connection comes from the configured address, through a proxy too."""
    async with Proxy() as proxy, asking(https_proxy=proxy.url, source_address="127.0.0.7") as (_, keeper):
        await keeper.token()

        assert {peer for _, peer in proxy.asked} == {"127.0.0.7"}


async def test_a_source_address_of_another_machine_is_named():
    """The error names the option."""
    async with asking(source_address="192.0.2.1") as (_, keeper):
        with pytest.raises(TokenError, match=r"192\.0\.2\.1 \(outgoing\.source_address\)"):
            await keeper.token()


def test_the_source_address_without_a_proxy(certificates):
    """Straight to an HTTPS server, which sees who came."""
    context, ca_file = certificates
    peers = []

    async def serve(reader, writer):
        peers.append(writer.get_extra_info("peername")[0])
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    with _served(serve, context) as port:
        Recorder(Route(ca_file, source_address="127.0.0.8")).get(f"https://localhost:{port}/")

    assert peers == ["127.0.0.8"]


@contextlib.contextmanager
def _served(serve, context):
    """A TLS server in a loop of its own, so that the test may block."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.close()
