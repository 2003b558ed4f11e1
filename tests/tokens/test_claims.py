"""What is read out of a token for diagnosis, and what is said of it."""

from __future__ import annotations

import base64
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.sandbox.cloud import Cloud, CloudOptions
from relay.tokens.answers import Route
from relay.tokens.claims import Claims, read, remarks
from relay.tokens.credentials import Secret
from relay.tokens.entra import Entra
from relay.tokens.keeper import Keeper

TENANT, CLIENT = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
SCOPE = "https://outlook.office365.com/.default"
SOUND = {
    "aud": "https://outlook.office365.com",
    "tid": TENANT,
    "appid": CLIENT,
    "exp": 2000,
    "roles": ["SMTP.SendAsApp"],
}


def token(**changes):
    return jwt.encode({**SOUND, **changes}, "k" * 32, algorithm="HS256")


def said(text, *, scope=SCOPE, tenant=TENANT, now=1000.0):
    return remarks(read(text), scope=scope, tenant=tenant, client_id=CLIENT, now=now)


def wrongs(text, **options):
    return [remark.text for remark in said(text, **options) if remark.wrong]


def test_the_claims_are_read():
    """An app's token, and a person's."""
    person = read(token(scp="SMTP.Send openid", upn="ann@contoso.com", roles=None))

    assert read(token()) == Claims(
        readable=True, audience="https://outlook.office365.com", tenant=TENANT, app=CLIENT, roles=("SMTP.SendAsApp",),
        expires_at=2000.0,
    )  # fmt: skip
    assert (person.user, person.scopes, person.roles) == ("ann@contoso.com", ("SMTP.Send", "openid"), ())


def test_a_sound_token_has_nothing_wrong():
    """Nor one without roles, which RBAC for Applications does not need: that is a remark, not an error."""
    assert wrongs(token()) == []
    bare = said(token(roles=None))
    assert [(remark.wrong, "RBAC for Applications" in remark.text) for remark in bare] == [(False, True)]


@pytest.mark.parametrize(
    ("changes", "scope", "says"),
    [
        ({"aud": "https://graph.microsoft.com"}, SCOPE, "for Microsoft Graph (graph.microsoft.com), not for Exchange"),
        ({"aud": "00000003-0000-0000-c000-000000000000"}, SCOPE, "for Microsoft Graph"),
        ({}, "https://graph.microsoft.com/.default", "not for Microsoft Graph"),
        ({"aud": "https://outlook.office365.us"}, SCOPE, "scope or cloud is wrong"),
        ({"tid": CLIENT}, SCOPE, f"of tenant {CLIENT}, configured is {TENANT}"),
        ({"tid": None}, SCOPE, "no tenant"),
        ({"appid": TENANT}, SCOPE, f"of app {TENANT}"),
        ({"exp": 999}, SCOPE, "ended at 1970-01-01 00:16:39 UTC"),
        ({"exp": None}, SCOPE, "does not say when it ends"),
    ],
)
def test_what_is_suspicious_is_said(changes, scope, says):
    """One sentence each, and nothing else is called wrong."""
    changed = {name: value for name, value in {**SOUND, **changes}.items() if value is not None}
    [text] = wrongs(jwt.encode(changed, "k" * 32, algorithm="HS256"), scope=scope)

    assert says in text


def test_names_of_one_service_are_no_contradiction():
    """Exchange's two worldwide names, its application id, and a tenant given by its domain."""
    delegated = "https://outlook.office.com/SMTP.Send"

    assert wrongs(token(), scope=delegated) == []
    assert wrongs(token(aud="00000002-0000-0ff1-ce00-000000000000")) == []
    by_domain = said(token(), tenant="contoso.com")
    assert (by_domain[0].wrong, by_domain[0].text) == (False, f"contoso.com is tenant {TENANT}.")


def test_an_opaque_token_is_no_error():
    """Consumer accounts and others give tokens that only the service reads."""
    [remark] = said("EwBgA8l6BAAU" * 9)

    assert not remark.wrong
    assert "opaque" in remark.text


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.fixed_dictionaries(dict.fromkeys(("aud", "tid", "appid", "roles", "scp", "upn", "exp"), ANYTHING)) | ANYTHING)
def test_no_odd_payload_raises(payload):
    """Claims of any type and size."""
    body = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")

    assert said(f"e30.{body}.x")


@given(st.text() | st.text(alphabet="abcé.=_-", max_size=40))
def test_no_odd_text_raises(text):
    """Whatever somebody calls a token."""
    assert said(text)


async def test_a_token_of_the_sandbox_is_sound():
    """What the pretend Entra gives for Exchange has nothing wrong, seen with the real clock."""
    async with Cloud(CloudOptions()) as cloud:
        at = cloud.settings
        credential = Secret(lambda: at.client_secret)
        keeper = Keeper(
            Entra(at.client_id, at.authority, at.scope, credential=credential, route=Route(at.ca_file)), grace_s=300
        )
        got = await keeper.token()
        claims = read(got.value)
        found = remarks(claims, scope=at.scope, tenant=claims.tenant, client_id=at.client_id, now=got.expires_at - 3599)

        assert [remark.text for remark in found] == ["Roles: SMTP.SendAsApp."]
