"""The whole pretend cloud: a token by MSAL, a message by smtplib, kept as it came."""

import smtplib
import ssl

import pytest

from relay.sandbox.cloud import Cloud, CloudOptions
from tests.sandbox.conftest import MESSAGE, SCANNER, in_thread, secured, signed_in, token, xoauth2


@in_thread
def submit(settings, access_token, message=MESSAGE, recipients=("ann@contoso.test",), sender=SCANNER):
    """Send one message over a session of its own; return Exchange's answer to it."""
    with signed_in(settings, access_token) as client:
        client.mail(sender)
        for recipient in recipients:
            client.rcpt(recipient)
        return client.data(message)


async def test_a_message_sent_with_msals_token_is_kept_byte_for_byte(cloud):
    """Token, STARTTLS, XOAUTH2 and DATA lead to one arrival with envelope and bytes as sent."""
    code, answer = await submit(cloud.settings, await token(cloud.settings))
    [arrived] = await cloud.arrivals.wait_for(1)

    assert (code, answer.startswith(b"2.0.0 OK <1@dev> [Hostname=")) == (250, True)
    assert (arrived.raw, arrived.mailbox, arrived.rcpt_to) == (MESSAGE, SCANNER, ("ann@contoso.test",))
    assert arrived.header("subject") == "scan"
    assert arrived.tls_version.startswith("TLSv1.")
    assert arrived.claims["appid"] == cloud.settings.client_id


async def test_both_forms_of_xoauth2_sign_in(cloud):
    """The one-line form works like the two-step form, in any case of letters."""
    access_token = await token(cloud.settings)

    @in_thread
    def one_line():
        with secured(cloud.settings) as client:
            return client.docmd("auth", "xoauth2 " + xoauth2(SCANNER, access_token))

    assert await one_line() == (235, b"2.7.0 Authentication successful")


async def test_two_starts_share_nothing():
    """CA, tenant, client and secret differ, and the first cloud's CA does not vouch for the second."""
    async with Cloud() as first, Cloud() as second:
        assert first.settings.ca_file.read_bytes() != second.settings.ca_file.read_bytes()
        assert first.settings.tenant != second.settings.tenant
        assert first.settings.client_secret != second.settings.client_secret

        @in_thread
        def mistaken():
            with smtplib.SMTP("localhost", second.settings.smtp_port, timeout=10) as client:
                client.starttls(context=ssl.create_default_context(cafile=str(first.settings.ca_file)))

        with pytest.raises(ssl.SSLCertVerificationError):
            await mistaken()


async def test_given_names_and_files_are_kept(tmp_path):
    """Options that are given are used, and with keep_files each arrival is on disk."""
    options = CloudOptions(
        tenant="contoso.test", client_id="app", client_secret="s", directory=tmp_path, keep_files=True
    )
    async with Cloud(options) as cloud:
        await submit(cloud.settings, await token(cloud.settings))
        [arrived] = await cloud.arrivals.wait_for(1)

        assert cloud.settings.authority.endswith("/contoso.test")
        assert cloud.settings.secret_file.read_text() == "s\n"
        assert (tmp_path / "arrived" / f"{arrived.id}.eml").read_bytes() == MESSAGE
        assert '"subject": "scan"' in (tmp_path / "arrived" / f"{arrived.id}.json").read_text()


async def test_waiting_for_what_never_comes_says_what_did(cloud):
    """A wait that is in vain ends with the count of what arrived."""
    with pytest.raises(TimeoutError, match=r"0 of 2 messages to bob@x\.test arrived"):
        await cloud.arrivals.wait_for_recipient("bob@x.test", 2, timeout=0.05)
