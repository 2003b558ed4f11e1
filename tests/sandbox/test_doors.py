"""High Volume Email and the connector: the other two ways in, each with its own rules."""

import pytest
import trustme

from relay.sandbox.certificates import Issued
from relay.sandbox.cloud import Cloud, CloudOptions
from tests.sandbox.conftest import token, xoauth2
from tests.sandbox.wires import Talk

HVE = "alerts@contoso.test"


@pytest.fixture
async def cloud():
    """A cloud with one HVE account."""
    async with Cloud(CloudOptions(hve_accounts=(HVE,), messages_per_minute=1, sessions_per_mailbox=1)) as running:
        yield running


async def submit(talk, recipient, sender=HVE):
    """Submit one message: the answers to RCPT and to the end of it."""
    await talk.ask(f"MAIL FROM:<{sender}>")
    told = await talk.ask(f"RCPT TO:<{recipient}>")
    if not told.startswith("250"):
        await talk.ask("RSET")
        return told, ""
    await talk.ask("DATA")
    return told, await talk.ask(f"From: {sender}\r\nSubject: alert\r\n\r\nFire\r\n.")


async def test_hve_takes_messages_to_the_tenant_without_limits(cloud):
    """Two in the same minute, and no more than the tenant's own recipients."""
    access_token = await token(cloud.settings)
    talk = await Talk.secured(cloud.settings, cloud.settings.hve_port)
    signed_in = await talk.ask("AUTH XOAUTH2 " + xoauth2(HVE, access_token))
    first, second = await submit(talk, "ann@contoso.test"), await submit(talk, "bob@contoso.test")
    outside = await submit(talk, "x@elsewhere.test")
    talk.close()

    assert signed_in[:3] == "235"
    assert (first[1][:3], second[1][:3]) == ("250", "250")
    assert outside[0].startswith("550 5.7.1 High Volume Email accounts can't send to external recipients [")
    assert [one.door for one in cloud.arrivals] == ["hve", "hve"]


async def test_hve_wants_tokens_that_live_ten_minutes():
    """What is good for submission a moment ago is 501 5.5.127 here."""
    async with Cloud(CloudOptions(hve_accounts=(HVE,), token_lifetime_s=599)) as cloud:
        access_token = await token(cloud.settings)
        talk = await Talk.secured(cloud.settings, cloud.settings.hve_port)
        told = await talk.ask("AUTH XOAUTH2 " + xoauth2(HVE, access_token))
        other = await Talk.secured(cloud.settings)
        submission = await other.ask("AUTH XOAUTH2 " + xoauth2("scanner@contoso.test", access_token))

    assert told.startswith("501 5.5.127 Invalid XOAUTH2 auth data - Token will expire soon [")
    assert submission[:3] == "235"


async def test_hve_and_submission_have_accounts_of_their_own(cloud):
    """A mailbox is no HVE account, and the other way round; without the role nobody gets in."""
    access_token = await token(cloud.settings)
    hve = await Talk.secured(cloud.settings, cloud.settings.hve_port)
    mailbox = await hve.ask("AUTH XOAUTH2 " + xoauth2("scanner@contoso.test", access_token))
    submission = await Talk.secured(cloud.settings)
    account = await submission.ask("AUTH XOAUTH2 " + xoauth2(HVE, access_token))
    cloud.entra.registration.roles = ("SMTP.SendAsApp",)
    bare = await hve.ask("AUTH XOAUTH2 " + xoauth2(HVE, await token(cloud.settings)))

    assert [told[:9] for told in (mailbox, account, bare)] == ["535 5.7.3"] * 3


async def test_a_registered_certificate_relays_through_the_connector(cloud):
    """No AUTH is offered; any sender, any recipient."""
    certificate = cloud.client_certificate()
    talk = await Talk.secured(cloud.settings, cloud.settings.connector_port, certificate)
    offered = await talk.ask("EHLO relay.contoso.test")
    auth = await talk.ask("AUTH XOAUTH2 x")
    sent = await submit(talk, "x@elsewhere.test", "anything@contoso.test")
    talk.close()

    assert "AUTH" not in offered
    assert auth.startswith("500 5.3.3 Unrecognized command")
    assert (sent[1][:3], cloud.arrivals[0].door) == ("250", "connector")
    assert cloud.arrivals[0].claims == {"certificate": "relay.contoso.test"}


@pytest.mark.parametrize("who", ["another name", "no certificate", "no TLS"])
async def test_who_is_not_known_to_the_connector_may_not_relay(cloud, who):
    """MAIL goes well, RCPT is 550 5.7.64; registering the name mends it."""
    certificate = cloud.client_certificate("stranger.test") if who == "another name" else None
    if who == "no TLS":
        talk = await Talk.open(cloud.settings, cloud.settings.connector_port)
        await talk.reply()
        await talk.ask("EHLO relay.test")
    else:
        talk = await Talk.secured(cloud.settings, cloud.settings.connector_port, certificate)
    before = await submit(talk, "x@elsewhere.test", "a@contoso.test")
    cloud.register_connector("stranger.test")
    again = await Talk.secured(cloud.settings, cloud.settings.connector_port, cloud.client_certificate("stranger.test"))
    after = await submit(again, "x@elsewhere.test", "a@contoso.test")

    assert before[0].startswith("550 5.7.64 TenantAttribution; Relay Access Denied [")
    assert after[1][:3] == "250"


async def test_the_connector_trusts_another_ca_when_told(cloud, tmp_path):
    """A certificate from a CA of one's own."""
    ca = trustme.CA()
    leaf = ca.issue_cert("relay.contoso.test")
    issued = Issued(tmp_path / "cert.pem", tmp_path / "key.pem")
    issued.certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    issued.key.write_bytes(leaf.private_key_pem.bytes())
    cloud.trust_client_ca(ca.cert_pem.bytes().decode())
    talk = await Talk.secured(cloud.settings, cloud.settings.connector_port, issued)

    assert (await submit(talk, "x@elsewhere.test", "a@contoso.test"))[1][:3] == "250"


async def test_each_door_is_shut_and_opened_by_its_switch(cloud):
    """hve and connector beside exchange, graph and entra."""
    await cloud.switch({"hve": "down", "connector": "down"})
    with pytest.raises(ConnectionRefusedError):
        await Talk.open(cloud.settings, cloud.settings.hve_port)
    with pytest.raises(ConnectionRefusedError):
        await Talk.open(cloud.settings, cloud.settings.connector_port)
    await cloud.switch({"hve": "up", "connector": "up"})

    assert (await (await Talk.open(cloud.settings, cloud.settings.hve_port)).reply())[:3] == "220"
    assert set(cloud.doors()) == {"entra", "exchange", "graph", "hve", "connector"}
