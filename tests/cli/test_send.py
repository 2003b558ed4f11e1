"""`relay send` against an SMTP server nobody here wrote (aiosmtpd), in place of the relay."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from email import message_from_bytes

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult


class Door:
    """Takes mail and answers what it is told to."""

    def __init__(self, *, recipient: str = "250 2.1.5 Ok", data: str = "250 2.0.0 queued as 01TEST") -> None:
        self.recipient = recipient
        self.data = data
        self.envelopes = []
        self.logins = []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802  (aiosmtpd's names)
        envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.envelopes.append(envelope)
        return self.data

    def authenticate(self, server, session, envelope, mechanism, data):
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"device secret", handled=False)


@asynccontextmanager
async def listening(door: Door, **options):
    """Serves the door on loopback; gives the port."""
    loop = asyncio.get_running_loop()

    def session() -> SMTP:
        return SMTP(door, authenticator=door.authenticate, loop=loop, **options)

    async with await loop.create_server(session, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
def certificate() -> ssl.SSLContext:
    """A certificate nobody trusts, like the one a relay makes for itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("relay.test").configure_cert(context)
    return context


async def test_a_message_that_was_taken_is_shown_with_its_id(relay_aside, tmp_path):
    """Each step with the answer, the id at the end, and the attachment arrives as it was."""
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(b"%PDF-1.7\r\n\x00\xff")
    door = Door()
    async with listening(door) as port:
        ended = await relay_aside(
            *f"send --host 127.0.0.1 --port {port} --from a@contoso.com --to b@contoso.com --attach {scan}".split()
        )

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "taken as   01TEST"
    assert "recipient  250 2.1.5 Ok" in ended.stdout
    parts = message_from_bytes(door.envelopes[0].content).get_payload()
    assert parts[1].get_payload(decode=True) == scan.read_bytes()
    assert b"\n" not in door.envelopes[0].original_content.replace(b"\r\n", b"")
    assert (door.envelopes[0].mail_from, door.envelopes[0].rcpt_tos) == ("a@contoso.com", ["b@contoso.com"])


async def test_a_refused_recipient_is_explained(relay_aside):
    """The step, the relay's words, and what to change; code 1."""
    async with listening(Door(recipient="550 5.7.1 not allowed for this device")) as port:
        ended = await relay_aside(*f"send --host 127.0.0.1 --port {port} --to b@elsewhere.org".split())

    assert ended.returncode == 1
    assert "refused at the recipient: 550 5.7.1 not allowed for this device" in ended.stderr
    assert "see its recipients in the configuration" in ended.stderr


@pytest.mark.parametrize(
    "answer", ["501 5.1.3 Bad recipient: no domain", "550 5.1.3 The recipient needs a complete address, name@domain"]
)
async def test_a_malformed_recipient_is_not_called_forbidden(relay_aside, answer):
    """501 speaks of the address, not of the device's rights."""
    async with listening(Door(recipient=answer)) as port:
        ended = await relay_aside(*f"send --host 127.0.0.1 --port {port} --to boss".split())

    assert ended.returncode == 1
    assert f"refused at the recipient: {answer}" in ended.stderr
    assert "that is no address as SMTP knows it" in ended.stderr
    assert "may not write" not in ended.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--to", "büro@contoso.com"), ("--to", ""), ("--from", "büro@contoso.com"), ("--from", ""), ("--from", "<"),
        ("--from", "name@"), ("--to", "a@b.test\nBcc: c@d.test"), ("--subject", "one\ntwo"), ("--subject", "bell\a"),
    ],
)  # fmt: skip
def test_what_no_message_can_be_made_of_is_wrong_usage(relay, unused_port, option, value):
    """Code 2 and the option, no traceback, and nobody is asked."""
    ended = relay("send", "--host", "127.0.0.1", "--port", unused_port, "--to", "b@contoso.com", option, value)

    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert option in ended.stderr or "no message can be made" in ended.stderr


def test_a_host_that_no_name_can_be_is_told(relay, unused_port):
    """Code 69, no traceback."""
    ended = relay("send", "--host", "a..b", "--port", unused_port, "--to", "b@contoso.com")

    assert ended.returncode == 69
    assert "Traceback" not in ended.stderr


async def test_a_password_beyond_ascii_signs_in(relay_aside, certificate):
    """As UTF-8 (RFC 4616); a wrong one is refused like any other."""
    door = Door()
    async with listening(door, tls_context=certificate) as port:
        ended = await relay_aside(
            *f"send --host 127.0.0.1 --port {port} --username drücker --password-env P --to b@contoso.com".split(),
            env={"P": "geheim€"},
        )

    assert door.logins == [("drücker".encode(), "geheim€".encode())]
    assert ended.returncode == 1
    assert "refused at the sign-in: 535" in ended.stderr
    assert "geheim" not in ended.stdout + ended.stderr


async def test_a_passing_refusal_has_a_code_of_its_own(relay_aside):
    """A script may try again on 75."""
    async with listening(Door(data="451 4.3.0 the spool is busy")) as port:
        ended = await relay_aside(*f"send --host 127.0.0.1 --port {port} --to b@contoso.com".split())

    assert ended.returncode == 75
    assert "refused at the message: 451 4.3.0 the spool is busy" in ended.stderr


async def test_a_device_of_the_configuration_signs_in_over_tls(relay_aside, write_config, secrets, certificate):
    """Listener, login and password come from the configuration; the password is nowhere in the output."""
    door = Door()
    async with listening(door, tls_context=certificate, require_starttls=True) as port:
        ended = await relay_aside(
            "send", "-c", write_config(port), "--device", "erp", "--to", "b@contoso.com", env=secrets
        )

    assert ended.returncode == 0, ended.stderr
    assert door.logins == [(b"erp", b"device secret")]
    assert "encrypted  TLSv1" in ended.stdout
    assert "device secret" not in ended.stdout + ended.stderr


async def test_a_wrong_password_is_explained(relay_aside, certificate):
    """535 at the sign-in says where the right one is kept."""
    async with listening(Door(), tls_context=certificate) as port:
        ended = await relay_aside(
            *f"send --host 127.0.0.1 --port {port} --username erp --password-env P --to b@contoso.com".split(),
            env={"P": "wrong"},
        )

    assert ended.returncode == 1
    assert "refused at the sign-in: 535" in ended.stderr
    assert "a device's login in the configuration" in ended.stderr


async def test_tls_that_is_not_offered_is_not_gone_without(relay_aside):
    """Who asks for STARTTLS does not get a message in clear."""
    door = Door()
    async with listening(door) as port:
        ended = await relay_aside(*f"send --host 127.0.0.1 --port {port} --tls starttls --to b@contoso.com".split())

    assert ended.returncode == 1
    assert "STARTTLS is not offered" in ended.stderr
    assert door.envelopes == []


def test_nobody_listening_is_told(relay, write_config, unused_port):
    """Code 69, the address, and what to look at."""
    ended = relay("send", "-c", write_config(unused_port), "--to", "b@contoso.com")

    assert ended.returncode == 69
    assert f"127.0.0.1:{unused_port}" in ended.stderr
    assert "is `relay serve` running" in ended.stderr


def test_a_device_that_is_not_configured_is_wrong_usage(relay, write_config):
    """The names that there are stand in the answer."""
    ended = relay("send", "-c", write_config(), "--device", "epr", "--to", "b@contoso.com")

    assert ended.returncode == 2
    assert "copier, erp" in ended.stderr
