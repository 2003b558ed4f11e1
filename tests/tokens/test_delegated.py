"""A kept refresh token is used, its successor kept, and every refusal told, through the real MSAL on a real socket."""

from __future__ import annotations

import threading

import pytest

from relay.tokens.credentials import Secret
from relay.tokens.delegated import Delegated
from relay.tokens.person import PersonsApp
from relay.tokens.rotation import Rotation
from relay.tokens.signin import BrowserSignIn
from relay.tokens.source import TokenError
from relay.tokens.vault import Kept, Place, VaultError
from tests.tokens.conftest import said
from tests.tokens.jane import SCOPE, Jane, granted, id_token, query

GRAPH = "https://graph.microsoft.com/Mail.Send"
AADSTS700082 = {
    "error": "invalid_grant",
    "error_description": "AADSTS700082: The refresh token has expired due to inactivity.\r\nTrace ID: 1",
    "error_codes": [700082],
    "suberror": "bad_token",
}


@pytest.fixture
def jane(authority, tmp_path):
    return Jane(authority, tmp_path / "data")


def failure(issuer) -> TokenError:
    with pytest.raises(TokenError) as caught:
        issuer.acquire()
    return caught.value


def test_each_token_leaves_a_newer_refresh_token(authority, jane):
    """The one that came last is used next, also by a process that starts anew; its end is counted from the question."""
    jane.signs_in()
    authority.tokens = [granted("second"), granted("third"), granted("fourth")]

    token = jane.delegated(clock=lambda: 5000.0).acquire()
    assert (token.value, token.expires_at) == ("access-second", 8599.0)
    assert (jane.place.read().refreshed_at, jane.place.read().username) == (5000.0, "jane@contoso.com")
    assert jane.delegated().acquire().value == "access-third"
    assert jane.used() == ["first", "second"]


def test_a_successor_without_an_account_is_used_all_the_same(authority, jane):
    """An answer that does not say whose it is must not leave the old refresh token in use until it dies."""
    jane.signs_in()
    authority.tokens = [granted("second", client_info=None), granted("third")]

    jane.delegated().acquire()
    jane.delegated().acquire()

    assert jane.used() == ["first", "second"]


def test_an_answer_without_a_successor_keeps_the_old_one(authority, jane):
    """Some servers do not rotate: the refresh token stays."""
    jane.signs_in()
    authority.tokens = [granted("", refresh_token=None, access_token="a"), granted("second")]

    assert jane.delegated().acquire().value == "a"
    jane.delegated().acquire()

    assert jane.used() == ["first", "first"]


def test_access_tokens_are_not_kept(jane):
    """They are good for an hour, and of no use on the disk."""
    kept = jane.signs_in().kept

    assert "access-first" not in kept.cache
    assert "first" in kept.cache


@pytest.mark.parametrize("secret", ["s3cr3t", ""])
def test_an_app_with_a_credential_proves_itself(authority, tmp_path, secret):
    """A confidential client sends its secret with each question, a public one none."""
    jane = Jane(authority, tmp_path, secret)
    jane.signs_in()
    jane.delegated().acquire()

    assert len(authority.forms) == 2
    assert {tuple(form.get("client_secret", [])) for form in authority.forms} == {(secret,) if secret else ()}
    assert jane.place.read().public is not bool(secret)


def test_what_was_signed_in_as_a_public_client_goes_on_so(authority, jane):
    """A device code's refresh token is refused with a secret (AADSTS700025)."""
    kept = jane.signs_in().kept
    jane.place.write(Kept(kept.cache, public=True))
    jane.delegated().acquire()

    assert "client_secret" not in authority.forms[-1]


def test_one_sign_in_serves_several_scopes(authority, jane):
    """Refresh tokens are for all that was consented to: Graph's token comes by the same one."""
    jane.signs_in()
    authority.tokens = [granted("second")]
    jane.delegated(GRAPH).acquire()

    assert GRAPH in authority.forms[-1]["scope"][0].split()
    assert jane.used() == ["first"]


def test_a_dead_refresh_token_is_told_with_entras_own_words(authority, jane):
    """MSAL's None would hide the reason, and its HTTP cache repeat it for a minute: each question is asked."""
    jane.signs_in()
    authority.tokens = [said(400, AADSTS700082), said(400, AADSTS700082), granted("second")]
    issuer = jane.delegated()

    error = failure(issuer)
    assert (error.error, error.codes, error.status) == ("invalid_grant", (700082,), 400)
    assert error.description.startswith("AADSTS700082: The refresh token has expired due to inactivity. Trace")
    failure(issuer)
    assert jane.used() == ["first", "first"]
    assert issuer.acquire().value == "access-second"


def test_a_new_sign_in_counts_at_once(authority, jane):
    """The dead refresh token is forgotten for the one that `relay authorize` has just written."""
    jane.signs_in()
    authority.tokens = [said(400, AADSTS700082)]
    issuer = jane.delegated()
    failure(issuer)
    jane.signs_in("anew")
    authority.tokens = [granted("later")]

    assert issuer.acquire().value == "access-later"
    assert jane.used() == ["first", "anew"]


def test_nobody_has_signed_in(jane):
    """Its own word, for its own remedy; Entra is not asked."""
    error = failure(jane.delegated())

    assert error.error == "not_authorized"
    assert "jane@contoso.com has not signed in yet" in error.description
    assert jane.authority.asked == []


def test_a_damaged_file_is_no_refusal_of_entra(jane):
    """The word is the store's, and the file is named."""
    jane.signs_in()
    jane.place.path.write_text("garbage")
    error = failure(jane.delegated())

    assert error.error == "token_store"
    assert str(jane.place.path) in error.description


def test_a_cache_without_an_account_counts_as_not_signed_in(jane):
    """Where the authority is another one than she signed in at, there is nothing to ask with."""
    jane.place.write(Kept("{}", "jane@contoso.com"))

    assert failure(jane.delegated()).error == "not_authorized"


@pytest.mark.parametrize(
    ("answer", "word", "status", "wait"),
    [
        (said(503, "<html>busy</html>"), "bad_answer", 503, None),
        (said(429, {}, Retry_After="17"), "bad_answer", 429, 17.0),
        (said(200, "<html>Welcome to the hotel</html>"), "bad_answer", 0, None),
        (said(200, {"token_type": "Bearer"}), "bad_answer", 200, None),
        (
            said(401, {"error": "invalid_client", "error_description": "AADSTS7000222: expired"}),
            "invalid_client",
            401,
            None,
        ),
    ],
)
def test_every_odd_answer_is_a_token_error(authority, jane, answer, word, status, wait):
    """Word, HTTP status and Retry-After survive MSAL; the refresh token stays."""
    jane.signs_in()
    authority.tokens = [answer, granted("second")]
    issuer = jane.delegated()
    error = failure(issuer)

    assert (error.error, error.status, error.retry_after) == (word, status, wait)
    issuer.acquire()
    assert jane.used() == ["first", "first"]


def test_an_entra_that_is_down_is_unreachable(jane, tmp_path):
    """The refresh token is neither used nor lost."""
    jane.signs_in()
    before = jane.place.read()
    jane.authority.url = "https://localhost:9/contoso"

    assert failure(jane.delegated()).error == "unreachable"
    assert jane.place.read() == before


def test_two_who_ask_at_once_never_use_one_refresh_token_twice(authority, jane):
    """Each waits for the other's successor, as the relay and the command line do."""
    jane.signs_in()
    authority.tokens = [granted(f"next-{number}") for number in range(6)]
    threads = [threading.Thread(target=jane.delegated().acquire) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert jane.used() == ["first", *(f"next-{number}" for number in range(5))]


def test_the_next_credential_is_used_when_the_first_is_refused(authority, jane):
    """Neither the sign-in nor a refresh has a gap while the app's secret is changed."""
    expired = said(401, {"error": "invalid_client", "error_description": "AADSTS7000222", "error_codes": [7000222]})
    newer = PersonsApp("app-1", authority.url, Secret(lambda: "newer"), jane.app.route)
    sign_in = BrowserSignIn([jane.app, newer], SCOPE, redirect_uri="http://localhost", login_hint="")
    asked = query(sign_in.url)
    authority.tokens = [expired, granted("first", id_token=id_token(nonce=asked["nonce"])), expired, granted("second")]
    jane.place.write(sign_in.finish({"code": "c", "state": asked["state"]}).kept)
    pairs = [(name, Delegated(app, SCOPE, jane.place)) for name, app in (("old", jane.app), ("new", newer))]

    assert Rotation(pairs).acquire().value == "access-second"
    assert [form["client_secret"] for form in authority.forms] == [["s3cr3t"], ["newer"]] * 2
    assert jane.used() == ["first", "first"]


def test_a_secret_that_cannot_be_read_is_not_asked_with(authority, tmp_path):
    """Entra is not asked without one; the refresh token stays."""
    jane = Jane(authority, tmp_path)
    jane.signs_in()

    def gone():
        raise LookupError("CONTOSO_SECRET is not set")

    unreadable = Delegated(PersonsApp("app-1", authority.url, Secret(gone)), SCOPE, jane.place)
    error = failure(unreadable)
    assert (error.error, "CONTOSO_SECRET" in error.description) == ("secret_unreadable", True)
    assert jane.used() == []


def test_a_token_serves_although_its_successor_cannot_be_written(authority, jane, monkeypatch):
    """The disk is full: the token is given all the same, and the newest refresh token is used and written later."""
    jane.signs_in()
    authority.tokens = [granted("second"), granted("third")]
    told = []
    delegated = jane.delegated(on_unwritten=told.append)
    with monkeypatch.context() as full:
        full.setattr(Place, "write", _full)
        assert delegated.acquire().value == "access-second"
    assert [str(error) for error in told] == ["no space left"]
    assert "first" in jane.place.read().cache

    assert delegated.acquire().value == "access-third"
    assert jane.used() == ["first", "second"]
    assert "third" in jane.place.read().cache


def test_a_new_sign_in_wins_over_what_could_not_be_written(authority, jane, monkeypatch):
    """`relay authorize` has written since: what is kept in memory is older."""
    jane.signs_in()
    authority.tokens = [granted("second")]
    delegated = jane.delegated()
    with monkeypatch.context() as full:
        full.setattr(Place, "write", _full)
        delegated.acquire()
    jane.signs_in("anew")
    authority.tokens = [granted("third")]
    delegated.acquire()

    assert jane.used() == ["first", "anew"]


def _full(self, kept):
    raise VaultError("no space left")
