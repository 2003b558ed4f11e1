"""The doctor on the other ways upstream: Graph, through a proxy too, High Volume Email, the connector."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from relay.control.doctor import Wish, exit_code
from relay.sandbox.faults import Fault
from tests.control.conftest import CANARY, by_graph, configuration, examined, step, steps, tenant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BY_GRAPH = ["dns", "tcp", "tls", "clock", "token", "auth", "limits", "scope", "ends"]


def graph_tenant(**options):
    """A tenant where the app may send through Graph, too."""
    return tenant(graph_roles=("Mail.Send",), **options)


async def test_graph_is_proved_without_sending():
    """The probe is refused for its base64, which is how Graph says yes; nothing arrives."""
    async with graph_tenant() as cloud:
        found = await examined(by_graph(cloud))
        arrived = len(cloud.arrivals)

    assert steps(found) == dict.fromkeys(BY_GRAPH, "ok") | {"scope": "skipped"}
    assert "ErrorMimeContentInvalidBase64String" in step(found, "auth").result
    assert "aud https://graph.microsoft.com" in step(found, "token").result
    assert "TLSv1.3" in step(found, "tls").result
    assert arrived == 0


async def test_graph_without_the_permission():
    """403, with what it means and the remedy."""
    async with tenant(graph_roles=()) as cloud:
        found = await examined(by_graph(cloud))

    assert steps(found)["auth"] == "failed"
    assert "403" in step(found, "auth").answer
    assert step(found, "auth").remedy
    assert exit_code([found]) == 1


async def test_a_canary_by_graph_that_is_taken():
    """Mail.Send without scope reaches every mailbox of the tenant."""
    async with graph_tenant() as cloud:
        cloud.grant_mailbox(CANARY)
        found = await examined(by_graph(cloud, canary=CANARY))

    assert steps(found)["scope"] == "failed"
    assert f"NOT denied: {CANARY}" in step(found, "scope").result
    assert "Mail.Send" in step(found, "scope").remedy


async def test_a_canary_by_graph_that_is_refused():
    """Granted and Denied."""
    async with graph_tenant() as cloud:
        cloud.grant_mailbox(CANARY)
        cloud.revoke_mailbox(CANARY)
        found = await examined(by_graph(cloud, canary=CANARY))

    assert steps(found)["scope"] == "ok", step(found, "scope")
    assert f"Denied: {CANARY} is refused: HTTP 403" in step(found, "scope").result


async def test_a_canary_that_does_not_exist_proves_nothing():
    """404 says that there is no such mailbox, not that the app may not use it."""
    async with graph_tenant() as cloud:
        found = await examined(by_graph(cloud, canary="nobody@contoso.test"))

    assert steps(found)["scope"] == "skipped"
    assert "not proved" in step(found, "scope").result


async def test_graph_that_is_down():
    """The token is asked for all the same."""
    async with graph_tenant() as cloud:
        await cloud.graph_down()
        found = await examined(by_graph(cloud))

    assert (steps(found)["tcp"], steps(found)["tls"], steps(found)["token"]) == ("failed", "skipped", "ok")
    assert exit_code([found]) == 69


async def test_a_real_mail_through_graph():
    """It arrives, and 202 is what Graph says."""
    async with graph_tenant() as cloud:
        found = await examined(by_graph(cloud), Wish(send_to="ann@contoso.test"))
        [letter] = await cloud.arrivals.wait_for(1)

    assert "HTTP 202" in step(found, "mail").result
    assert b"Subject: Test of profile scans" in letter.raw


async def test_a_mail_that_graph_refuses():
    """ErrorSendAsDenied comes with the mail, not before."""
    async with graph_tenant() as cloud:
        found = await examined(by_graph(cloud), Wish(send_to="ann@contoso.test", send_from="desk@contoso.test"))

    assert (steps(found)["auth"], steps(found)["mail"]) == ("ok", "failed")
    assert "ErrorSendAsDenied" in step(found, "mail").answer


@contextlib.asynccontextmanager
async def proxy() -> AsyncIterator[tuple[int, list[str]]]:
    """A forward proxy on loopback that knows CONNECT; the targets it was asked for."""
    asked: list[str] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.split()[1].decode())
        host, _, port = asked[-1].rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(reader, writer) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def test_graph_through_a_proxy():
    """Name and connection are the proxy's; sign-in and Graph go through it."""
    async with graph_tenant() as cloud, proxy() as (port, asked):
        whole = by_graph(cloud)
        whole["outgoing"]["https_proxy"] = f"http://127.0.0.1:{port}"
        found = await examined(whole)

    assert steps(found)["auth"] == "ok"
    assert step(found, "tcp").result.startswith(f"the proxy: connected to 127.0.0.1:{port}")
    assert len(asked) >= 2
    assert len(set(asked)) == 2  # Entra's and Graph's


async def test_a_proxy_that_is_not_there(unused_tcp_port):
    """Its name and port are in the answer."""
    async with graph_tenant() as cloud:
        whole = by_graph(cloud)
        whole["outgoing"]["https_proxy"] = f"http://127.0.0.1:{unused_tcp_port}"
        found = await examined(whole)

    assert steps(found)["tcp"] == "failed"
    assert f"127.0.0.1:{unused_tcp_port}" in step(found, "tcp").answer


async def test_hve_takes_no_token_that_is_about_to_end():
    """Told at the token already, before Exchange says 501 5.5.127."""
    async with tenant(token_lifetime_s=480) as cloud:
        found = await examined(configuration(cloud, transport="hve"))

    assert steps(found)["token"] == "failed"
    assert "High Volume Email" in step(found, "token").meaning


async def test_a_connector_needs_no_token(tmp_path):
    """Name, connection, encryption; Entra is not asked, and what only a mail shows is said."""
    async with tenant() as cloud:
        at = cloud.settings
        connector = {"host": at.smtp_host, "port": at.smtp_port, "ca_file": str(at.ca_file)}
        await cloud.entra_down()
        found = await examined(configuration(cloud, transport="connector", connector=connector))

    assert steps(found) == dict.fromkeys(["dns", "tcp", "ehlo", "starttls", "limits", "ends"], "ok")
    assert "--send-to" in step(found, "limits").result


async def test_what_goes_wrong_at_graph_stands_at_its_step():
    """Graph's own trouble: no refusal of the profile, and it says so."""
    async with graph_tenant() as cloud:
        cloud.faults.add(Fault(stage="graph", action="http", status=503))
        found = await examined(by_graph(cloud))

    assert steps(found)["auth"] == "failed"
    assert "503" in step(found, "auth").answer
