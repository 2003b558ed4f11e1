"""Tokens and Graph together, against the pretend Microsoft 365."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from relay.message.address import Address
from relay.message.parcel import Parcel
from relay.sandbox.cloud import Cloud, CloudOptions
from relay.tokens.answers import Route
from relay.tokens.credentials import Secret
from relay.tokens.entra import Entra
from relay.tokens.keeper import Keeper
from relay.transport.graph import GraphTransport, may_send
from relay.transport.transport import TransportError

MAILBOX = "scanner@contoso.test"
HEAD = f"From: {MAILBOX}\r\nTo: ann@contoso.test\r\nSubject: scan\r\nMessage-ID: <1@relay.test>\r\n\r\n".encode()
PARCEL = Parcel("m1", Address(MAILBOX), (Address("ann@contoso.test"),), HEAD, b"hi\r\n", 4, False)


@asynccontextmanager
async def relay_to(options: CloudOptions = CloudOptions(), *, user: str = MAILBOX):  # noqa: B008  (frozen)
    """A running cloud and a way into its Graph with a real token of its Entra."""
    async with Cloud(options) as cloud:
        at = cloud.settings
        secret, route = Secret(lambda: at.client_secret), Route(at.ca_file)
        entra = Entra(at.client_id, at.authority, at.graph_scope, credential=secret, route=route)
        tokens = Keeper(entra, grace_s=300)
        yield cloud, GraphTransport(url=at.graph_url, user=user, tokens=tokens, ca_file=at.ca_file)


async def test_a_message_arrives_octet_for_octet():
    """Graph takes nothing off but Bcc, and who is hidden gets it."""
    async with relay_to() as (cloud, transport):
        session = await transport.connect()
        await session.send(replace(PARCEL, recipients=(*PARCEL.recipients, Address("bob@fabrikam.test"))))
        await session.close()
        (letter,) = await cloud.arrivals.wait_for(1)

        assert letter.raw == HEAD + b"hi\r\n"
        assert set(letter.rcpt_to) == {"ann@contoso.test", "bob@fabrikam.test"}


@pytest.mark.parametrize(("user", "may"), [(MAILBOX, True), ("ann@contoso.test", False)])
async def test_a_probe_tells_a_mailbox_within_reach_from_one_beyond_it(user, may):
    """And sends nothing either way."""
    async with relay_to(user=user) as (cloud, transport):
        answer = await transport.probe()

        assert may_send(answer) is may
        assert cloud.arrivals.to("ann@contoso.test") == []


async def test_tokens_that_were_revoked_are_replaced():
    """One more question to Entra; the message arrives once."""
    async with relay_to() as (cloud, transport):
        session = await transport.connect()
        cloud.entra.revoke_tokens()
        await session.send(PARCEL)
        await session.close()

        assert len(cloud.arrivals.to("ann@contoso.test")) == 1


async def test_an_app_without_the_role_is_refused():
    """403 ErrorAccessDenied, and no doubt."""
    async with relay_to(CloudOptions(graph_roles=())) as (_, transport):
        session = await transport.connect()
        with pytest.raises(TransportError) as caught:
            await session.send(PARCEL)
        await session.close()

        assert (caught.value.graph.status, caught.value.graph.code) == (403, "ErrorAccessDenied")
        assert not caught.value.uncertain
