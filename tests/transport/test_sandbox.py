"""Tokens and transport together, against the pretend Microsoft 365."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from relay.message.address import Address
from relay.message.parcel import Parcel
from relay.sandbox.cloud import Cloud, CloudOptions
from relay.tokens.answers import Route
from relay.tokens.credentials import Secret
from relay.tokens.entra import Entra
from relay.tokens.keeper import Keeper
from relay.transport.smtp import ExchangeTransport
from relay.transport.transport import Stage, TransportError

MAILBOX = "scanner@contoso.test"
HEAD = f"From: {MAILBOX}\r\nTo: ann@contoso.test\r\nSubject: scan\r\nMessage-ID: <1@relay.test>\r\n\r\n".encode()


@asynccontextmanager
async def relay_to(options: CloudOptions, *, secret: str = "", **settings):
    """A running cloud and a transport into it with a real token of its Entra."""
    async with Cloud(options) as cloud:
        at = cloud.settings
        entra = Entra(
            at.client_id, at.authority, at.scope, credential=Secret(lambda: at.client_secret), route=Route(at.ca_file)
        )
        usual = {"mailbox": MAILBOX, "local_hostname": "relay.test", "ca_file": at.ca_file}
        keeper = Keeper(entra, grace_s=300)
        yield cloud, ExchangeTransport(host=at.smtp_host, port=at.smtp_port, tokens=keeper, **usual | settings)


def parcel(body, size=None):
    return Parcel("m1", Address(MAILBOX), (Address("ann@contoso.test"),), HEAD, body, size or len(body), False)


@pytest.mark.parametrize("switches", [{}, {"chunking": False}, {"pipelining": False}], ids=["bdat", "data", "single"])
async def test_letters_arrive_octet_for_octet(tmp_path, switches):
    """A line and a scan, on one session, are found in the mailbox as they were sent."""
    scan = tmp_path / "scan"
    scan.write_bytes(b".JVBERi0xLjQKJcfs\r\n..\r\n" * 40_000)
    async with relay_to(CloudOptions(messages_per_minute=0), **switches) as (cloud, transport):
        session = await transport.connect()
        receipts = [await session.send(each) for each in (parcel(b"hi\r\n"), parcel(scan, scan.stat().st_size))]
        await session.close()
        letters = await cloud.arrivals.wait_for(2)

        assert [receipt.final.code for receipt in receipts] == [250, 250]
        assert sorted(letter.raw for letter in letters) == sorted([HEAD + b"hi\r\n", HEAD + scan.read_bytes()])


async def test_a_mailbox_without_permission_is_refused_at_sign_in():
    """535 with Exchange's words, after one try with a fresh token."""
    async with relay_to(CloudOptions(), mailbox="stranger@contoso.test") as (_, transport):
        with pytest.raises(TransportError) as caught:
            await transport.connect()

        assert (caught.value.stage, caught.value.reply.code) == (Stage.AUTH, 535)
