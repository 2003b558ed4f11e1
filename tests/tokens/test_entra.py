"""What Entra says, and what the relay makes of it, through the real MSAL on a real HTTPS socket."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys

import pytest

from relay.tokens.answers import Route
from relay.tokens.credentials import Secret
from relay.tokens.source import TokenError

AADSTS7000215 = {
    "error": "invalid_client",
    "error_description": "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1\r\nTimestamp: now",
    "error_codes": [7000215],
}
AADSTS90002 = {
    "error": "invalid_tenant",
    "error_description": "AADSTS90002: Tenant 'contoso' not found.",
    "error_codes": [90002],
}


def said(status, body, **headers):
    return status, headers, body if isinstance(body, str) else json.dumps(body)


def failure(issuer) -> TokenError:
    with pytest.raises(TokenError) as caught:
        issuer.acquire()
    return caught.value


def test_a_token_comes_with_its_end(authority, entra):
    """The end is counted from before the question, and the form is that of client credentials."""
    token = entra(clock=lambda: 1000.0).acquire()

    assert (token.value, token.expires_at) == ("token-1", 4599.0)
    form = authority.forms[0]
    assert form["grant_type"] == ["client_credentials"]
    assert (form["client_id"], form["client_secret"]) == (["client-1"], ["s3cr3t"])
    assert form["scope"] == ["https://outlook.office365.com/.default"]


def test_each_question_is_asked_anew(authority, entra):
    """No token comes out of MSAL's cache; discovery is asked once."""
    issuer = entra()

    assert [issuer.acquire().value, issuer.acquire().value] == ["token-1", "token-2"]
    assert authority.asked == ["discovery", "token", "token"]


def test_a_changed_secret_is_used_at_once(authority, entra):
    """After a refusal the new secret goes out with the next question, without a restart."""
    secrets = iter(["old", "new"])
    authority.tokens = [said(401, AADSTS7000215)]
    issuer = entra(credential=Secret(lambda: next(secrets)))
    error = failure(issuer)

    assert (error.error, error.codes, error.status) == ("invalid_client", (7000215,), 401)
    assert error.description.startswith("AADSTS7000215: Invalid client secret provided. Trace ID")
    assert issuer.acquire().value == "token-2"
    assert authority.forms[1]["client_secret"] == ["new"]


@pytest.mark.parametrize("trouble", ["empty", "missing"])
def test_a_secret_that_cannot_be_had_is_not_asked_with(authority, entra, trouble):
    """No question goes out; the error says what is wrong with the secret."""

    def read():
        if trouble == "missing":
            raise LookupError("the environment variable CONTOSO_SECRET is not set")
        return ""

    error = failure(entra(credential=Secret(read)))

    assert error.error == "secret_unreadable"
    assert ("CONTOSO_SECRET" if trouble == "missing" else "empty") in error.description
    assert authority.asked == []


def test_an_unknown_tenant_is_named_by_entra(authority, entra):
    """Discovery answers 400: the AADSTS code MSAL swallows is in the error."""
    authority.discovery = [said(400, AADSTS90002)]
    error = failure(entra())

    assert (error.error, error.codes, error.status) == ("invalid_tenant", (90002,), 400)
    assert "not found" in error.description


@pytest.mark.parametrize("at", ["discovery", "tokens"])
def test_a_server_error_keeps_its_status_and_patience(authority, entra, at):
    """503 with Retry-After at either question."""
    setattr(authority, at, [said(503, "<html>busy</html>", Retry_After="17")])
    error = failure(entra())

    assert (error.error, error.status, error.retry_after) == ("bad_answer", 503, 17.0)


def test_an_empty_429_is_an_error(authority, entra):
    """MSAL turns it into an empty dict; the status and Retry-After are kept, also when it is a date."""
    authority.tokens = [said(429, {}, Retry_After="9"), said(429, {}, Retry_After="Fri, 01 Jan 2100 00:00:00 GMT")]
    issuer = entra()
    errors = [failure(issuer), failure(issuer)]

    assert [error.status for error in errors] == [429, 429]
    assert errors[0].retry_after == 9.0
    assert errors[1].retry_after > 1e9


def test_a_refusal_is_not_repeated_by_heart(authority, entra):
    """MSAL answers from memory for a minute after a 400, for as long as Retry-After says after a 429: ours asks."""
    authority.tokens = [said(400, AADSTS90002), said(429, {}, Retry_After="3600")]
    issuer = entra()
    assert [failure(issuer).status, failure(issuer).status] == [400, 429]

    assert issuer.acquire().value == "token-3"


@pytest.mark.parametrize("body", ["<html>sign in to the guest network</html>", "[1]", json.dumps({"token": "?"})])
def test_an_answer_that_makes_no_sense_is_an_error(authority, entra, body, caplog):
    """A captive portal's page is neither a token nor in the log."""
    caplog.set_level(logging.DEBUG)
    authority.tokens = [said(200, body)]
    error = failure(entra())

    assert error.error == "bad_answer"
    assert "guest network" not in caplog.text


def test_a_redirect_does_not_carry_the_secret_away(authority, entra):
    """307 to somewhere else is an error; nothing is sent there."""
    authority.tokens = [said(307, "", Location=f"{authority.url}/elsewhere")]
    error = failure(entra())

    assert error.status == 307
    assert authority.asked == ["discovery", "token"]


def test_an_untrusted_certificate_is_told_apart(entra):
    """Without our CA the default bundle is used, and the error says certificate."""
    error = failure(entra(route=Route()))

    assert error.error == "unreachable"
    assert "certificate" in error.description


def test_the_environment_trusts_nobody(authority, entra, monkeypatch, tmp_path):
    """REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE neither break the configured CA nor add one; a proxy there is not used."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(tmp_path / "nothing.pem"))

    assert entra().acquire().value == "token-1"
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(authority.ca_file))

    assert failure(entra(route=Route())).error == "unreachable"


def test_a_missing_ca_file_is_named(entra, tmp_path):
    """The error says which file is missing."""
    error = failure(entra(route=Route(tmp_path / "gone.pem")))

    assert error.error == "unreachable"
    assert "gone.pem" in error.description


def test_nobody_answering_is_unreachable(authority, entra):
    """A refused connection is no answer: status 0."""
    authority.url = "https://localhost:1/contoso"
    error = failure(entra())

    assert (error.error, error.status) == ("unreachable", 0)
    assert str(error).endswith("contoso cannot be reached: [Errno 111] Connection refused")  # not 300 octets of urllib3


def test_silence_is_a_timeout(authority, entra, monkeypatch):
    """An authority that takes the question and says nothing is given up."""
    monkeypatch.setattr("relay.tokens.answers.READ_TIMEOUT_S", 0.05)
    slow = authority.answer_post
    monkeypatch.setattr(authority, "answer_post", lambda form: (os.read(reading, 1), slow(form))[1])
    reading, writing = os.pipe()
    error = failure(entra())
    os.write(writing, b"..")

    assert (error.error, error.status) == ("timeout", 0)


def test_no_secret_and_no_token_is_shown(authority, entra, caplog, capfd):
    """With every logger at DEBUG neither stands in a log or on the console."""
    caplog.set_level(logging.DEBUG)
    issuer = entra()
    token = issuer.acquire()
    authority.tokens = [said(401, AADSTS7000215)]
    error = failure(issuer)

    shown = caplog.text + repr(token) + str(error) + repr(error.__cause__) + "".join(capfd.readouterr())
    assert "s3cr3t" not in shown
    assert "token-1" not in shown


def test_msal_is_not_loaded_before_it_is_needed():
    """Importing the room costs neither MSAL nor requests: the relay starts without them."""
    check = (
        "import sys, relay.tokens.entra, relay.tokens.keeper; sys.exit(bool({'msal', 'requests'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
