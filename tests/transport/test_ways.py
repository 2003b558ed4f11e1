"""The other ways by SMTP: High Volume Email and the connector; and sessions that outlive their token."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time

import pytest
import pytest_asyncio
import trustme

from relay.config.secret import SecretRef
from relay.message.address import Address
from relay.message.parcel import Parcel
from relay.policy.verdicts import Facts, judge_lost
from relay.tokens.source import Token
from relay.transport import session as session_room
from relay.transport.connector import ConnectorTransport
from relay.transport.hve import HveTransport
from relay.transport.transport import Stage, TransportError
from relay.transport.trust import Identity
from tests.transport.conftest import Exchange

ANN, BOB = Address("ann@contoso.com"), Address("bob@fabrikam.com")


def parcel(*to):
    return Parcel("m1", Address("scanner@contoso.com"), to or (ANN,), b"Subject: s\r\n\r\n", b"hello\r\n", 7, False)


# -- High Volume Email


async def test_a_recipient_outside_is_refused_before_anything_is_sent(exchange, way_to):
    """Each with a reply of its own that names the domain and the setting; those inside get their mail."""
    server = await exchange()
    transport = HveTransport(exchange=way_to(server), internal_domains=("Contoso.com", "bücher.test"))
    session = await transport.connect()
    receipt = await session.send(parcel(ANN, BOB, Address("c@xn--bcher-kva.test")))
    await session.close()

    assert receipt.final.code == 250
    assert [str(reply) for reply in receipt.refused.values()] == [
        (
            "550 5.7.1 this relay: High Volume Email delivers to internal recipients only; fabrikam.com is not in "
            "internal_domains"
        )
    ]
    assert [line for line in server.commands if line.startswith("RCPT")] == [
        "RCPT TO:<ann@contoso.com>",
        "RCPT TO:<c@xn--bcher-kva.test>",
    ]


async def test_nobody_inside_is_no_transaction(exchange, way_to):
    """The session goes on with the next message."""
    server = await exchange()
    session = await HveTransport(exchange=way_to(server), internal_domains=("contoso.com",)).connect()
    receipt = await session.send(parcel(BOB))
    await session.send(parcel(ANN))
    await session.close()

    assert (receipt.final, receipt.final_stage) == (None, Stage.RCPT)
    assert len(server.messages) == 1


async def test_without_domains_exchange_decides(exchange, way_to):
    """Nothing is configured: nobody is refused here."""
    server = await exchange(answers={"RCPT TO:<bob": "550 5.7.1 Recipient is external"})
    session = await HveTransport(exchange=way_to(server)).connect()
    receipt = await session.send(parcel(ANN, BOB))
    await session.close()

    assert receipt.refused[BOB].text == "Recipient is external"


async def test_a_token_about_to_end_is_replaced_at_once(exchange, way_to, fixed_tokens):
    """High Volume Email's 501 5.5.127 is a refusal of the token, not of the profile."""
    server = await exchange(auth=["501 5.5.127 Invalid XOAUTH2 auth data - Token will expire soon"])
    tokens = fixed_tokens("ending", "new")
    session = await HveTransport(exchange=way_to(server, tokens=tokens)).connect()
    await session.close()

    assert tokens.refusals == ["ending"]
    assert server.connections == 2


# -- the connector


class Mx:
    """The tenant's MX: STARTTLS that asks for a certificate, and no AUTH."""

    def __init__(self, context):
        self.context = context
        self.shown = []

    async def play(self, stage):
        await stage.secure()
        self.shown.append(stage.writer.get_extra_info("peercert"))
        await stage.hear()
        await stage.say("250-pretend.test Hello\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 SIZE 157286400")
        await stage.mail()


@pytest.fixture(scope="session")
def relays_authority():
    return trustme.CA()


@pytest.fixture
def identity(relays_authority, tmp_path):
    """The relay's own certificate, as files."""
    leaf = relays_authority.issue_cert("relay.contoso.com")
    leaf.cert_chain_pems[0].write_to_path(str(tmp_path / "relay.crt"))
    leaf.private_key_pem.write_to_path(str(tmp_path / "relay.key"))
    return Identity(SecretRef(file=tmp_path / "relay.crt"), SecretRef(file=tmp_path / "relay.key"))


@pytest_asyncio.fixture
async def mx(authority, relays_authority):
    """`await mx()`: a server and its play."""
    async with contextlib.AsyncExitStack() as running:

        async def start(demands=ssl.CERT_OPTIONAL):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("localhost").configure_cert(context)
            relays_authority.configure_trust(context)
            context.verify_mode = demands
            play = Mx(context)
            server = Exchange(context, play.play)
            listening = await asyncio.start_server(server.meet, "127.0.0.1", 0)
            running.callback(listening.close)
            server.port = listening.sockets[0].getsockname()[1]
            return server, play

        yield start


@pytest.fixture
def connector_to(ca_file):
    def build(server, **settings):
        usual = {"host": "localhost", "port": server.port, "ca_file": ca_file, "local_hostname": "relay.test"}
        return ConnectorTransport(**usual | {"connect_timeout_s": 5.0, "reply_timeout_s": 5.0} | settings)

    return build


async def test_the_connector_knows_us_by_our_certificate(mx, connector_to, identity):
    """Nobody signs in; the certificate is shown within TLS."""
    server, play = await mx(ssl.CERT_REQUIRED)
    session = await connector_to(server, identity=identity).connect()
    receipt = await session.send(parcel())
    await session.close()

    assert receipt.final.code == 250
    assert ("DNS", "relay.contoso.com") in play.shown[0]["subjectAltName"]
    assert not any(line.startswith("AUTH") for line in server.commands)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_certificate_that_the_mx_refuses_is_told_as_such(mx, connector_to, identity, version):
    """By TLS 1.3 the refusal comes behind the handshake, where it looks like a broken line; the verdict names both."""
    server, play = await mx(ssl.CERT_REQUIRED)
    play.context.maximum_version = version
    stranger = trustme.CA().issue_cert("relay.contoso.com")
    stranger.cert_chain_pems[0].write_to_path(str(identity.certificate.file))
    stranger.private_key_pem.write_to_path(str(identity.private_key.file))
    with pytest.raises(TransportError) as caught:
        await connector_to(server, identity=identity).connect()
    verdict = judge_lost(caught.value.stage, caught.value.text, Facts(profile="scans"))

    assert "showed the certificate" in caught.value.text
    assert verdict.rule.startswith("lost.own-certificate")
    assert "profiles.scans.connector.certificate" in verdict.remedy


async def test_a_connector_by_address_needs_no_certificate(mx, connector_to):
    """None is shown."""
    server, play = await mx()
    session = await connector_to(server).connect()
    await session.send(parcel())
    await session.close()

    assert play.shown == [{}] or play.shown == [None]
    assert len(server.messages) == 1


async def test_an_mx_of_another_name_gets_no_certificate_and_no_mail(mx, connector_to, identity):
    """TLS is verified before anything is shown."""
    server, play = await mx()
    with pytest.raises(TransportError, match="not trusted") as caught:
        await connector_to(server, identity=identity, host="127.0.0.1").connect()

    assert caught.value.stage is Stage.STARTTLS
    assert not play.shown
    assert not server.messages


async def test_an_mx_without_starttls_gets_nothing(exchange, connector_to):
    """Port 25 is where TLS is stripped; the mail waits."""

    async def clear(stage):
        await stage.say("220 pretend.test ESMTP")
        await stage.hear()
        await stage.say("250 pretend.test Hello")
        await stage.hear()

    server = await exchange(clear)
    with pytest.raises(TransportError, match="does not offer STARTTLS"):
        await connector_to(server).connect()

    assert not any(line.startswith("MAIL") for line in server.commands)


async def test_a_key_that_is_missing_is_named(mx, connector_to, identity):
    """With its file; the private key is not repeated."""
    server, _ = await mx()
    identity.private_key.file.unlink()
    with pytest.raises(TransportError, match=r"relay\.key") as caught:
        await connector_to(server, identity=identity).connect()

    assert caught.value.stage is Stage.STARTTLS
    assert not caught.value.uncertain


async def test_a_renewed_certificate_is_shown_at_the_next_connection(mx, connector_to, identity, relays_authority):
    """No restart: the files are read for each connection."""
    server, play = await mx(ssl.CERT_REQUIRED)
    transport = connector_to(server, identity=identity)
    await (await transport.connect()).close()
    leaf = relays_authority.issue_cert("renewed.contoso.com")
    leaf.cert_chain_pems[0].write_to_path(str(identity.certificate.file))
    leaf.private_key_pem.write_to_path(str(identity.private_key.file))
    await (await transport.connect()).close()

    assert [shown["subjectAltName"][0][1] for shown in play.shown] == ["relay.contoso.com", "renewed.contoso.com"]


# -- sessions and their token


class EndingTokens:
    """Tokens that end at a time of their own."""

    def __init__(self, ends_in_s):
        self.ends_at = time.time() + ends_in_s

    async def token(self):
        return Token("a-token", self.ends_at)

    def refused(self, token):
        raise AssertionError(token)


@pytest.mark.parametrize(("left_s", "usable"), [(3600.0, True), (session_room.TOKEN_MARGIN_S - 1, False)])
async def test_a_session_takes_no_message_beyond_its_token(exchange, way_to, left_s, usable):
    """With a margin: what Exchange does when the token ends in the middle of a message nobody has said."""
    server = await exchange()
    session = await way_to(server, tokens=EndingTokens(left_s)).connect()
    await session.send(parcel())

    assert session.usable is usable
    await session.close()


# -- IPv6


@pytest.mark.parametrize("dead", ["127.0.0.1", "::1"])
async def test_mail_leaves_by_the_family_that_answers(exchange, way_to, monkeypatch, dead):
    """The name has an address of each; behind one nobody listens."""
    alive = "::1" if dead == "127.0.0.1" else "127.0.0.1"
    server = await exchange()
    listening = await asyncio.start_server(server.meet, alive, 0)
    port = listening.sockets[0].getsockname()[1]
    families = {"127.0.0.1": (socket.AF_INET, (dead, 1)), "::1": (socket.AF_INET6, (dead, 1, 0, 0))}
    reached = {"127.0.0.1": (socket.AF_INET, (alive, port)), "::1": (socket.AF_INET6, (alive, port, 0, 0))}

    async def getaddrinfo(host, *_, **__):
        assert host == "localhost"
        return [(each, socket.SOCK_STREAM, 6, "", where) for each, where in (families[dead], reached[alive])]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    session = await way_to(server).connect()
    receipt = await session.send(parcel())
    await session.close()
    listening.close()

    assert receipt.final.code == 250
