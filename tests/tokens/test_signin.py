"""Signing in with a browser or a device code, through the real MSAL on a real socket."""

from __future__ import annotations

import warnings

import pytest

from relay.tokens.signin import DeviceSignIn
from relay.tokens.source import TokenError
from tests.tokens.conftest import said
from tests.tokens.jane import SCOPE, Jane, granted, id_token, query


@pytest.fixture
def jane(authority, tmp_path):
    return Jane(authority, tmp_path / "data")


def failure(call, *arguments) -> TokenError:
    with pytest.raises(TokenError) as caught:
        call(*arguments)
    return caught.value


def test_the_address_asks_for_what_is_needed(jane):
    """Code with PKCE (S256), state, nonce, the scope, a refresh token and the person; MSAL's warning stays unsaid."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked = query(jane.begins().url)

    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert {SCOPE, "offline_access", "openid", "profile"} == set(asked["scope"].split())
    assert (asked["login_hint"], asked["redirect_uri"]) == ("jane@contoso.com", "http://localhost:8400")
    assert asked["response_mode"] == "query"
    assert asked["state"] != query(jane.begins().url)["state"]


def test_the_code_is_traded_with_its_verifier(authority, jane):
    """Who signed in is read from the ID token; the secret proves the app."""
    signed = jane.signs_in(upn="jane@contoso.onmicrosoft.com")
    form = authority.forms[0]

    assert signed.names == ("jane@contoso.com", "jane@contoso.onmicrosoft.com")
    assert (form["code"], form["redirect_uri"]) == (["the code"], ["http://localhost:8400"])
    assert len(form["code_verifier"][0]) >= 43
    assert form["client_secret"] == ["s3cr3t"]


def test_a_refusal_at_the_sign_in_page_is_told(jane):
    """What stands in the address comes back as Entra's error."""
    sign_in = jane.begins()
    state = query(sign_in.url)["state"]
    words = "AADSTS65004: User declined to consent to access the app."

    error = failure(sign_in.finish, {"error": "access_denied", "error_description": words, "state": state})
    assert (error.error, error.codes) == ("access_denied", (65004,))


@pytest.mark.parametrize("answer", [{"code": "c", "state": "another"}, {"code": "c"}, {}])
def test_the_answer_to_another_sign_in_is_not_traded(authority, jane, answer):
    """No code leaves without the right state."""
    assert failure(jane.begins().finish, answer).error == "bad_answer"
    assert authority.forms == []


def test_an_id_token_of_another_sign_in_is_refused(authority, jane):
    """Its nonce is not the one of this sign-in."""
    sign_in = jane.begins()
    authority.tokens = [granted("first", id_token=id_token(nonce="another"))]

    error = failure(sign_in.finish, {"code": "c", "state": query(sign_in.url)["state"]})
    assert "nonce" in error.description


def test_without_a_refresh_token_nothing_is_gained(authority, jane):
    """The relay could send for an hour and no longer."""
    sign_in = jane.begins()
    asked = query(sign_in.url)
    authority.tokens = [granted("", refresh_token=None, id_token=id_token(nonce=asked["nonce"]))]

    error = failure(sign_in.finish, {"code": "c", "state": asked["state"]})
    assert "offline_access" in error.description


def test_a_device_code_is_polled_for_without_the_secret(authority, jane):
    """First it is pending, then signed in; always as a public client."""
    authority.tokens = [
        said(200, {"device_code": "d", "user_code": "ABCD", "verification_uri": "https://x/device", "interval": 1}),
        said(400, {"error": "authorization_pending"}),
        granted("first", id_token=id_token()),
    ]
    sign_in = DeviceSignIn(jane.app, SCOPE)

    assert (sign_in.code.url, sign_in.code.code) == ("https://x/device", "ABCD")
    signed = sign_in.finish(lambda: False)
    assert (signed.names, signed.kept.public) == (("jane@contoso.com",), True)
    assert [form for form in authority.forms if "client_secret" in form] == []


def test_a_device_code_that_security_defaults_block_is_told(authority, jane):
    """AADSTS530035 arrives with its number."""
    words = "AADSTS530035: Access has been blocked by security defaults."
    authority.tokens = [said(400, {"error": "access_denied", "error_description": words, "error_codes": [530035]})]

    assert failure(DeviceSignIn, jane.app, SCOPE).codes == (530035,)


def test_giving_up_ends_the_wait(authority, jane):
    """The last answer is told: nobody has signed in yet."""
    authority.tokens = [
        said(200, {"device_code": "d", "user_code": "ABCD", "verification_uri": "https://x/device", "interval": 1}),
        said(400, {"error": "authorization_pending", "error_description": "AADSTS70016: pending"}),
    ]

    assert failure(DeviceSignIn(jane.app, SCOPE).finish, lambda: True).error == "authorization_pending"
