"""From the first byte to the sign-in: TLS is never optional, and a refused token gets one more chance."""

from __future__ import annotations

import base64
import json

import pytest
import trustme

from relay.tokens.source import TokenError
from relay.transport.transport import Stage, TransportError

LONG = "t" * 2000


async def refusal(transport) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await transport.connect()
    return caught.value


def said_by(token: str) -> str:
    return base64.b64encode(f"user=scanner@contoso.com\x01auth=Bearer {token}\x01\x01".encode()).decode()


async def test_a_short_token_rides_on_the_command(exchange, way_to, fixed_tokens):
    """AUTH XOAUTH2 is one line as long as it has no more than 512 octets (RFC 4954 §4)."""
    server = await exchange()
    session = await way_to(server, tokens=fixed_tokens("short")).connect()
    await session.close()

    assert f"AUTH XOAUTH2 {said_by('short')}" in server.commands


async def test_a_long_token_waits_for_the_challenge(exchange, way_to, fixed_tokens):
    """A real token is longer than that: the command first, the token after 334."""
    server = await exchange()
    session = await way_to(server, tokens=fixed_tokens(LONG)).connect()
    await session.close()

    assert ["AUTH XOAUTH2", said_by(LONG)] == server.commands[-3:-1]


@pytest.mark.parametrize("token", ["short", LONG], ids=["one line", "two steps"])
async def test_a_refused_token_is_replaced_once(exchange, way_to, fixed_tokens, token):
    """535: the token is dropped and a new one is tried on a new connection, which succeeds."""
    server = await exchange(auth=["535 5.7.3 Authentication unsuccessful [AM0PR02CA0134]"])
    tokens = fixed_tokens(token, "fresh")
    session = await way_to(server, tokens=tokens).connect()
    await session.close()

    assert tokens.refusals == [token]
    assert server.connections == 2
    assert f"AUTH XOAUTH2 {said_by('fresh')}" in server.commands


async def test_a_second_refusal_is_the_answer(exchange, way_to, fixed_tokens):
    """Two tokens refused: the error carries Exchange's reply, and nobody asks a third time."""
    words = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant."
    server = await exchange(auth=[words, words])
    error = await refusal(way_to(server, tokens=fixed_tokens("one", "two", "three")))

    assert (error.stage, error.reply.code, error.reply.enhanced) == (Stage.AUTH, 535, "5.7.139")
    assert error.host == "pretend.test"
    assert "scanner@contoso.com" in error.text
    assert server.connections == 2


async def test_a_passing_failure_to_sign_in_keeps_the_token(exchange, way_to, fixed_tokens):
    """454 says nothing against the token: it is not dropped and not tried again at once."""
    server = await exchange(auth=["454 4.7.0 Temporary authentication failure"])
    tokens = fixed_tokens("one", "two")
    error = await refusal(way_to(server, tokens=tokens))

    assert error.reply.code == 454
    assert not tokens.refusals
    assert server.connections == 1


@pytest.mark.parametrize("token", ["short", LONG], ids=["one line", "two steps"])
async def test_an_error_challenge_gets_an_empty_line_and_is_told(exchange, way_to, fixed_tokens, token):
    """334 with base64 JSON: the empty answer brings the 535, and what the JSON said stands in the error."""
    challenge = base64.b64encode(json.dumps({"status": "401", "schemes": "bearer"}).encode()).decode()

    async def challenging(stage):
        await stage.secure()
        await stage.hear()
        await stage.say("250-pretend.test\r\n250 AUTH XOAUTH2")
        if await stage.hear() == "AUTH XOAUTH2":
            await stage.say("334 ")
            await stage.hear()
        await stage.say(f"334 {challenge}")
        assert await stage.hear() == ""
        await stage.say("535 5.7.8 Username and Password not accepted")

    server = await exchange(challenging)
    error = await refusal(way_to(server, tokens=fixed_tokens(token)))

    assert error.reply.enhanced == "5.7.8"
    assert '"status": "401"' in error.text


async def test_a_token_never_stands_in_an_error(exchange, way_to, fixed_tokens):
    """Neither the token nor its base64 form is in what a log would show."""
    words = "535 5.7.3 Authentication unsuccessful"
    error = await refusal(way_to(await exchange(auth=[words, words]), tokens=fixed_tokens("s3cr3t-token")))

    shown = repr(error) + error.text + repr(error.__cause__)
    assert "s3cr3t" not in shown
    assert said_by("s3cr3t-token") not in shown


async def test_without_starttls_nothing_is_said_in_clear(exchange, way_to):
    """A server, or somebody in between, that hides STARTTLS hears EHLO and nothing more."""

    async def stripped(stage):
        await stage.say("220 pretend.test ESMTP")
        await stage.hear()
        await stage.say("250-pretend.test\r\n250-PIPELINING\r\n250 AUTH LOGIN XOAUTH2")
        await stage.hear()

    server = await exchange(stripped)
    error = await refusal(way_to(server))
    await server.ended.wait()

    assert error.stage is Stage.STARTTLS
    assert "does not offer STARTTLS" in error.text
    assert server.commands == ["EHLO relay.test", ""]


async def test_a_refused_starttls_is_the_end(exchange, way_to):
    """454 in answer to STARTTLS: the reply is handed on and nothing more is said."""

    async def unable(stage):
        await stage.say("220 pretend.test ESMTP")
        await stage.hear()
        await stage.say("250-pretend.test\r\n250 STARTTLS")
        await stage.hear()
        await stage.say("454 4.7.0 TLS not available")
        await stage.hear()

    server = await exchange(unable)
    error = await refusal(way_to(server))
    await server.ended.wait()

    assert (error.stage, error.reply.code) == (Stage.STARTTLS, 454)
    assert server.commands == ["EHLO relay.test", "STARTTLS", ""]


async def test_words_slipped_in_before_tls_are_not_believed(exchange, way_to):
    """What follows the 220 of STARTTLS in the same segment does not count as an answer inside TLS (CVE-2011-0411)."""

    async def injecting(stage):
        await stage.say("220 pretend.test ESMTP")
        await stage.hear()
        await stage.say("250-pretend.test\r\n250 STARTTLS")
        await stage.hear()
        await stage.say("220 go ahead\r\n250-evil.test\r\n250 AUTH LOGIN")

    error = await refusal(way_to(await exchange(injecting)))

    assert error.stage is Stage.STARTTLS


async def test_a_certificate_of_somebody_else_is_refused(exchange, way_to, tmp_path, monkeypatch):
    """Neither an unknown CA nor one that only the environment names is trusted; the token is not sent."""
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    server = await exchange()
    monkeypatch.setenv("SSL_CERT_FILE", str(way_to(server).ca_file))
    for ca_file in (stranger, None):
        error = await refusal(way_to(server, ca_file=ca_file))

        assert error.stage is Stage.STARTTLS
        assert "certificate" in error.text
    assert not any(command.startswith("AUTH") for command in server.commands)


async def test_a_certificate_for_another_name_is_refused(exchange, way_to):
    """The certificate must be for the host that was asked for."""
    error = await refusal(way_to(await exchange(), host="127.0.0.1"))

    assert error.stage is Stage.STARTTLS
    assert "127.0.0.1" in error.text


async def test_a_missing_ca_file_is_named(exchange, way_to, tmp_path):
    """The error says which file cannot be used."""
    error = await refusal(way_to(await exchange(), ca_file=tmp_path / "gone.pem"))

    assert str(tmp_path / "gone.pem") in error.text


async def test_a_server_without_xoauth2_is_told_apart(exchange, way_to):
    """What it offers instead stands in the error."""

    async def old(stage):
        await stage.secure()
        await stage.hear()
        await stage.say("250-pretend.test\r\n250 AUTH LOGIN PLAIN")
        await stage.hear()

    error = await refusal(way_to(await exchange(old)))

    assert error.stage is Stage.AUTH
    assert "LOGIN PLAIN" in error.text


@pytest.mark.parametrize(
    ("lines", "stage", "code"),
    [
        (["421 4.3.2 Service not active"], Stage.GREETING, 421),
        (["554 5.7.1 go away"], Stage.GREETING, 554),
        (["220 hi", "550 5.7.1 no"], Stage.EHLO, 550),
    ],
)
async def test_a_refusal_before_tls_carries_its_reply(exchange, way_to, lines, stage, code):
    """Greeting and EHLO refusals keep stage and reply."""

    async def refusing(at):
        for line in lines:
            await at.say(line)
            await at.hear()

    error = await refusal(way_to(await exchange(refusing)))

    assert (error.stage, error.reply.code) == (stage, code)


async def test_nobody_listening_is_an_error_of_connect(exchange, way_to):
    """The error names host and port."""
    server = await exchange()
    server.port = 1
    error = await refusal(way_to(server))

    assert error.stage is Stage.CONNECT
    assert "localhost:1" in error.text


async def test_a_silent_server_is_given_up(exchange, way_to):
    """No greeting within the timeout."""

    async def silent(stage):
        await stage.hear()

    error = await refusal(way_to(await exchange(silent), connect_timeout_s=0.1, reply_timeout_s=0.1))

    assert error.reply is None


async def test_no_token_no_connection(exchange, way_to):
    """While Entra gives no token, Exchange is left alone and the token's error comes through."""

    class Empty:
        async def token(self):
            raise TokenError("invalid_client", "AADSTS7000222")

        def refused(self, token):
            """Nothing to drop."""

    server = await exchange()
    with pytest.raises(TokenError, match="AADSTS7000222"):
        await way_to(server, tokens=Empty()).connect()

    assert server.connections == 0
