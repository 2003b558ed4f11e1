"""Mail by Microsoft Graph, on real TLS sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

import pytest
import pytest_asyncio

from relay.message.address import Address
from relay.message.parcel import Parcel
from relay.transport import graph as graph_room
from relay.transport.dial import Network
from relay.transport.graph import LIMIT, GraphTransport, may_send
from relay.transport.transport import Stage, TransportError
from tests.transport.conftest import FixedTokens
from tests.transport.pretend_graph import PretendGraph, PretendProxy, refusal

HEAD = b"From: scanner@contoso.com\r\nTo: ann@contoso.com\r\nSubject: scan\r\n\r\n"
ANN, BOB = Address("ann@contoso.com"), Address("bob@fabrikam.com")


def parcel(*to: Address, body=b"hello\r\n", size=None, head=HEAD):
    return Parcel("m1", Address("scanner@contoso.com"), to or (ANN,), head, body, size or len(body), False)


@pytest_asyncio.fixture
async def serve():
    """`await serve(server, context=…)` lets a pretend server listen until the test ends."""
    async with contextlib.AsyncExitStack() as running:

        async def start(server, context=None):
            listening = await asyncio.start_server(server.meet, "127.0.0.1", 0, ssl=context, limit=1 << 20)
            running.callback(listening.close)
            server.port = listening.sockets[0].getsockname()[1]
            return server

        yield start


@pytest_asyncio.fixture
async def graph(serve, server_context):
    server = PretendGraph(server_context)
    server.may_answer.set()
    return await serve(server, server_context)


@pytest.fixture
def way(graph, ca_file):
    """`way(**settings)` is a transport to the pretend Graph."""

    def build(**settings):
        usual = {
            "url": f"https://localhost:{graph.port}/v1.0",
            "user": "scanner@contoso.com",
            "tokens": FixedTokens(["a-token"]),
            "ca_file": ca_file,
            "connect_timeout_s": 5.0,
            "reply_timeout_s": 5.0,
        }
        return GraphTransport(**usual | settings)

    return build


async def send(transport, *parcels):
    """Sends over one session; the receipts."""
    session = await transport.connect()
    try:
        return [await session.send(each) for each in parcels]
    finally:
        await session.close()


async def test_a_message_leaves_octet_for_octet_as_base64(graph, way):
    """sendMail of the mailbox, text/plain, the token as bearer; 202 is a 250 that names Graph's request."""
    (receipt,) = await send(way(), parcel())
    (asked,) = graph.requests

    assert asked.target == "/v1.0/users/scanner@contoso.com/sendMail"
    assert asked.headers["authorization"] == "Bearer a-token"
    assert asked.headers["content-type"] == "text/plain"
    assert asked.message == HEAD + b"hello\r\n"
    assert (receipt.final.code, receipt.final.text) == (250, "HTTP 202 Accepted, request-id 11-22")


async def test_a_person_who_signed_in_sends_as_me(graph, way):
    """Delegated: the path names nobody."""
    await send(way(user=None), parcel())

    assert graph.requests[0].target == "/v1.0/me/sendMail"


async def test_a_scan_from_disk_leaves_whole_and_the_connection_is_used_again(graph, way, tmp_path):
    """Chunks of any length make one base64 text; the second message needs no second connection."""
    scan = tmp_path / "scan"
    scan.write_bytes(b"JVBERi0xLjQKJcfsj6IK.\r\n" * 100_001)
    await send(way(), parcel(body=scan, size=scan.stat().st_size), parcel())

    assert graph.requests[0].message == HEAD + scan.read_bytes()
    assert (len(graph.requests), graph.connections) == (2, 1)


async def test_who_is_in_no_header_gets_a_bcc(graph, way):
    """Graph knows no envelope."""
    await send(way(), parcel(ANN, BOB))

    assert graph.requests[0].message == HEAD[:-2] + b"Bcc: bob@fabrikam.com\r\n\r\nhello\r\n"


async def test_who_is_in_the_header_alone_is_not_mailed(graph, way):
    """A retry for one of two: the other has the mail already."""
    await send(way(), parcel(BOB))

    assert graph.requests[0].message.startswith(
        b"From: scanner@contoso.com\r\nX-Original-To: ann@contoso.com\r\nSubject: scan\r\nBcc: bob@fabrikam.com\r\n\r\n"
    )


async def test_an_address_no_header_can_hold_is_refused_alone(graph, way):
    """The others get their mail."""
    odd = Address("a,b@contoso.com")
    (receipt,) = await send(way(), parcel(ANN, odd))

    assert receipt.final.code == 250
    assert {str(address): reply.code for address, reply in receipt.refused.items()} == {"a,b@contoso.com": 553}


async def test_a_message_too_large_is_not_even_read(graph, way, tmp_path):
    """The file is missing: nobody looked for it. The refusal says how much is too much."""
    (receipt,) = await send(way(), parcel(body=tmp_path / "missing", size=LIMIT))

    assert (receipt.final.code, receipt.final.enhanced, receipt.final_stage) == (552, "5.3.4", Stage.MAIL)
    assert f"at most {LIMIT}" in receipt.final.text
    assert not graph.requests


async def test_a_message_just_small_enough_is_one_request_of_four_megabytes(graph, way):
    """The limit is that of the base64, not of the message."""
    (receipt,) = await send(way(), parcel(body=b"x" * (LIMIT - len(HEAD) - 2) + b"\r\n"))

    assert receipt.final.code == 250
    assert len(graph.requests[0].body) == 4 * 1024 * 1024


async def test_a_refused_token_is_replaced_once(graph, way):
    """401: another token, the same message again."""
    graph.answers = [refusal(401, "InvalidAuthenticationToken")]
    tokens = FixedTokens(["old", "new"])
    (receipt,) = await send(way(tokens=tokens), parcel())

    assert receipt.final.code == 250
    assert [asked.headers["authorization"] for asked in graph.requests] == ["Bearer old", "Bearer new"]
    assert tokens.refusals == ["old"]


async def test_a_second_refusal_of_tokens_is_the_answer(graph, way):
    """Two tokens in a row: the configuration is wrong, and nothing is in doubt."""
    graph.answers = [refusal(401, "InvalidAuthenticationToken")] * 3
    with pytest.raises(TransportError) as caught:
        await send(way(tokens=FixedTokens(["old", "new"])), parcel())

    assert (caught.value.stage, caught.value.graph.status, caught.value.uncertain) == (Stage.AUTH, 401, False)
    assert len(graph.requests) == 2


@pytest.mark.parametrize(("said", "seconds"), [("17", 17.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None)])
async def test_throttling_names_its_wait(graph, way, said, seconds):
    """Retry-After in either form goes on to the verdict; nonsense does no harm."""
    graph.answers = [refusal(429, "ApplicationThrottled", "over its MailboxConcurrency limit", Retry_After=said)]
    with pytest.raises(TransportError) as caught:
        await send(way(), parcel())

    assert (caught.value.graph.status, caught.value.graph.retry_after) == (429, seconds)
    assert "ApplicationThrottled over its MailboxConcurrency limit" in str(caught.value)
    assert not caught.value.uncertain


async def test_no_answer_to_a_whole_message_is_in_doubt(graph, way):
    """Graph keeps no key that would tell a repetition: nothing is sent again here."""
    graph.answers = [""]
    with pytest.raises(TransportError) as caught:
        await send(way(), parcel())

    assert caught.value.uncertain
    assert len(graph.requests) == 1


async def test_an_answer_that_does_not_come_is_in_doubt(graph, way):
    """As a lost one, when patience ends."""
    graph.may_answer.clear()
    with pytest.raises(TransportError, match=r"no answer within 0\.1 s") as caught:
        await send(way(reply_timeout_s=0.1), parcel())

    assert caught.value.uncertain


@pytest.mark.parametrize(
    ("answer", "in_doubt"),
    [
        (refusal(504, "gatewayTimeout"), True),
        (refusal(502, "BadGateway"), True),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (refusal(200, "ErrorMessageSizeExceeded"), False),
        (refusal(500, "ErrorInternalServerError"), False),
        (refusal(503, "ErrorServerBusy"), False),
    ],
)
async def test_a_gateway_that_gave_up_leaves_doubt(graph, way, answer, in_doubt):
    """What became of the request nobody knows (RFC 9110 §15.6.3, §15.6.5), nor what a success without 202 means."""
    graph.answers = [answer]
    with pytest.raises(TransportError) as caught:
        await send(way(), parcel())

    assert caught.value.uncertain is in_doubt


async def test_a_success_in_the_middle_of_the_upload_is_none(graph, way):
    """Whoever says so has not seen the message: it is not delivered, and not in doubt either."""
    graph.deaf = True
    with pytest.raises(TransportError, match="202 in the middle") as caught:
        await send(way(), parcel(body=b"x" * 3_000_000))

    assert not caught.value.uncertain


async def test_an_answer_in_the_middle_of_the_upload_is_heard(graph, way):
    """413 before the body is read, and the connection is gone: the answer counts, and there is no doubt."""
    graph.deaf = True
    graph.answers = [refusal(413, "RequestEntityTooLarge")]
    with pytest.raises(TransportError) as caught:
        await send(way(), parcel(body=b"x" * 3_000_000))

    assert caught.value.graph is not None
    assert caught.value.graph.status == 413
    assert not caught.value.uncertain


async def test_a_page_of_a_proxy_is_quoted(graph, way):
    """HTML in the place of Graph's answer has no code, and is not followed anywhere."""
    graph.answers = ["HTTP/1.1 302 Found\r\nLocation: https://portal.test/\r\nContent-Length: 9\r\n\r\n<p>Hi</p>"]
    with pytest.raises(TransportError) as caught:
        await send(way(), parcel())

    answer = caught.value.graph
    assert (answer.status, answer.code, answer.message) == (302, "", "(to https://portal.test/) <p>Hi</p>")
    assert len(graph.requests) == 1


@pytest.mark.parametrize(
    ("answer", "may"),
    [
        (refusal(400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content."), True),
        (refusal(403, "ErrorAccessDenied"), False),
    ],
)
async def test_a_probe_asks_and_sends_nothing(graph, way, answer, may):
    """Its body is no base64: Graph can only complain, of it or of who asks."""
    graph.answers = [answer]

    assert may_send(await way().probe()) is may
    with pytest.raises(ValueError, match=r"base64|Only|padding"):
        graph.requests[0].message  # noqa: B018


async def test_a_connection_that_rested_is_not_trusted(graph, way, monkeypatch):
    """A request lost on a connection that died in its sleep would be in doubt."""
    session = await way().connect()
    await session.send(parcel())
    assert session.usable
    monkeypatch.setattr(graph_room, "RESTED_AFTER_S", -1.0)
    assert not session.usable
    await session.close()


async def test_a_certificate_nobody_vouches_for_ends_it(graph, way):
    """The environment's idea of trust is not asked; no request was made."""
    with pytest.raises(TransportError, match="certificate of localhost") as caught:
        await way(ca_file=None).connect()

    assert caught.value.stage is Stage.STARTTLS
    assert not graph.requests


async def test_a_proxy_is_gone_through(graph, way, serve, monkeypatch):
    """The configured one, by its name and password; those of the environment are not looked at."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    proxy = await serve(PretendProxy())
    (receipt,) = await send(way(proxy=f"http://relay:p%40ss@localhost:{proxy.port}"), parcel(body=b"x" * 300_000))

    assert receipt.final.code == 250
    assert proxy.heads[0].startswith(f"CONNECT localhost:{graph.port} HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic cmVsYXk6cEBzcw==\r\n" in proxy.heads[0]


async def test_a_proxy_that_speaks_tls_is_gone_through(graph, way, serve, server_context):
    """TLS to Graph within TLS to the proxy."""
    proxy = await serve(PretendProxy(), server_context)
    (receipt,) = await send(way(proxy=f"https://localhost:{proxy.port}"), parcel(body=b"x" * 300_000))

    assert receipt.final.code == 250


async def test_a_proxy_that_refuses_is_quoted_without_its_password(graph, way, serve):
    """The administrator reads what the proxy said, and which setting names it."""
    proxy = await serve(PretendProxy(refuses="407 Proxy Authentication Required"))
    transport = way(proxy=f"http://relay:hunter2@localhost:{proxy.port}")
    with pytest.raises(TransportError, match=r"407 Proxy Authentication Required .*outgoing\.https_proxy") as caught:
        await transport.connect()

    assert caught.value.stage is Stage.CONNECT
    assert "hunter2" not in f"{caught.value}{transport!r}"


async def test_nobody_listening_is_no_doubt(way):
    """The stage says that nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(TransportError) as caught:
        await way(url=f"https://localhost:{port}/v1.0").connect()

    assert (caught.value.stage, caught.value.uncertain) == (Stage.CONNECT, False)


async def test_the_source_address_is_used(graph, way):
    """Graph sees the address that outgoing.source_address names."""
    session = await way(network=Network("127.0.0.9")).connect()
    try:
        sock = session._connection._writer.get_extra_info("socket")
        assert sock.getsockname()[0] == "127.0.0.9"
    finally:
        await session.close()


def test_only_new_tls_is_spoken(ca_file):
    """TLS 1.2 at least, as for SMTP."""
    from relay.transport.trust import client_context

    assert client_context(ca_file).minimum_version >= ssl.TLSVersion.TLSv1_2
