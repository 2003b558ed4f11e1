"""What MSAL gets from the pretend Entra: tokens, and refusals in Entra's words."""

import asyncio
import re

import jwt
import pytest

from relay.sandbox.faults import Fault
from tests.sandbox.conftest import TrustingHttp, in_thread, msal_answer, secured, token, xoauth2


async def test_a_token_names_audience_tenant_application_and_role(cloud):
    """The claims are those Exchange Online looks at, and the key is published."""
    got = await msal_answer(cloud.settings)
    claims = jwt.decode(got["access_token"], options={"verify_signature": False})

    assert (got["token_type"], got["expires_in"]) == ("Bearer", 3599)
    assert claims["aud"] == "https://outlook.office365.com"
    assert claims["iss"] == f"https://sts.windows.net/{cloud.settings.tenant}/"
    assert (claims["tid"], claims["appid"]) == (cloud.settings.tenant, cloud.settings.client_id)
    assert claims["roles"] == ["SMTP.SendAsApp"]
    assert claims["exp"] - claims["nbf"] == 3600
    assert len(xoauth2("scanner@contoso.test", got["access_token"])) > 1500


async def test_the_published_key_verifies_a_token(cloud):
    """An independent library checks the signature with the JWKS document."""

    @in_thread
    def keys():
        http = TrustingHttp(str(cloud.settings.ca_file))
        found = http.get(f"{cloud.settings.authority}/discovery/v2.0/keys").json()
        http.close()
        return found

    signed = await token(cloud.settings)
    [key] = jwt.PyJWKSet.from_dict(await keys()).keys

    assert jwt.decode(signed, key, algorithms=["RS256"], audience="https://outlook.office365.com")["ver"] == "1.0"


REFUSALS = [
    ({"secret": "wrong"}, 7000215, "invalid_client", "Invalid client secret provided."),
    ({"secret": ""}, 7000216, "invalid_client", "'client_assertion', 'client_secret' or 'request' is required"),
    ({"client_id": "0"}, 700016, "unauthorized_client", "Application with identifier '0' was not found in the"),
    ({"scope": "https://outlook.office365.com/SMTP.Send"}, 1002012, "invalid_scope", "Client credential flows must"),
    ({"scope": "SMTP.Send"}, 70011, "invalid_scope", "The scope SMTP.Send is not valid."),
    ({"scope": "https://x.test/.default"}, 500011, "invalid_resource", "The resource principal named https://x.test"),
]


@pytest.mark.parametrize(("changes", "code", "error", "sentence"), REFUSALS)
async def test_each_mistake_has_its_aadsts_number(cloud, changes, code, error, sentence):
    """MSAL is given the body Entra gives, with trace and correlation ids."""
    got = await msal_answer(cloud.settings, **changes)

    assert (got["error_codes"], got["error"]) == ([code], error)
    assert sentence in got["error_description"]
    assert re.search(r"Trace ID: \S+ Correlation ID: \S+ Timestamp: \d{4}-\d\d-\d\d ", got["error_description"])
    assert got["error_uri"].endswith(f"code={code}")


@pytest.mark.parametrize(
    ("tenant", "code"),
    [("11111111-2222-3333-4444-555555555555", 90002), ("fabrikam.test", 90002), ("${TENANT}", 900023)],
)
async def test_an_unknown_tenant_is_refused_at_discovery(cloud, tenant, code):
    """MSAL cannot be built on a wrong tenant; the AADSTS text is in what caused its ValueError."""
    base = cloud.settings.authority.rpartition("/")[0]
    with pytest.raises(ValueError, match="Unable to get authority configuration") as caught:
        await msal_answer(cloud.settings, authority=f"{base}/{tenant}")

    assert f"AADSTS{code}" in str(caught.value.__context__)


async def test_a_secret_can_expire_and_come_back(cloud):
    """The switch of the secret changes the answers at once."""
    cloud.set_secret("expired")
    expired = await msal_answer(cloud.settings)
    cloud.set_secret("refused")
    refused = await msal_answer(cloud.settings)
    cloud.set_secret("valid")

    assert (expired["error_codes"], refused["error_codes"]) == ([7000222], [7000215])
    assert "access_token" in await msal_answer(cloud.settings)
    assert [status for _, path, status in cloud.entra.requests if path.endswith("token")] == [401, 401, 200]


async def test_entra_that_is_down_refuses_connections_and_returns_to_its_port(cloud):
    """The port is kept while nobody listens on it."""
    await cloud.entra_down()
    with pytest.raises(OSError, match="refused"):
        await msal_answer(cloud.settings)
    await cloud.entra_up()

    assert "access_token" in await msal_answer(cloud.settings)


@in_thread
def post_token(settings):
    """One bare request to the token endpoint: status, headers, text."""
    http = TrustingHttp(str(settings.ca_file))
    try:
        got = http.post(f"{settings.authority}/oauth2/v2.0/token", data={"grant_type": "client_credentials"})
        return got.status_code, got.headers, got.text
    finally:
        http.close()


async def test_faults_of_the_token_endpoint_answer_instead(cloud):
    """Any status, any AADSTS number or a cut connection; each as often as asked for."""
    cloud.faults.add(Fault(stage="token", action="http", status=429, retry_after=7, body="{}", count=1))
    cloud.faults.add(Fault(stage="token", action="aadsts", aadsts=53003, count=1))
    cloud.faults.add(Fault(stage="token", action="drop", count=2))
    throttled = await post_token(cloud.settings)
    blocked = await post_token(cloud.settings)
    with pytest.raises(OSError, match=r"reset|aborted"):
        await post_token(cloud.settings)

    assert (throttled[0], throttled[1]["Retry-After"], throttled[2]) == (429, "7", "{}")
    assert "AADSTS53003: Access has been blocked by Conditional Access policies." in blocked[2]


async def test_a_hanging_token_endpoint_goes_on_when_the_fault_is_taken_back(cloud):
    """A client that waits long enough gets its token after all."""
    name = cloud.faults.add(Fault(stage="token", action="hang"))
    waiting = asyncio.ensure_future(msal_answer(cloud.settings))
    async with asyncio.timeout(10):
        await cloud.faults.hit_at("token")
    cloud.faults.remove(name)

    assert "access_token" in await waiting


WRONG_TOKENS = {
    "signature": lambda cloud, signed: signed[:-6] + "AAAAAA",
    "audience": lambda cloud, signed: _resigned(cloud, signed, aud="https://graph.microsoft.com"),
    "expired": lambda cloud, signed: _resigned(cloud, signed, exp=1_700_000_000),
    "not yet valid": lambda cloud, signed: _resigned(cloud, signed, nbf=4_000_000_000),
    "tenant": lambda cloud, signed: _resigned(cloud, signed, tid="another"),
    "issuer": lambda cloud, signed: _resigned(cloud, signed, iss="https://sts.windows.net/another/"),
    "application": lambda cloud, signed: _resigned(cloud, signed, appid="another"),
    "no role": lambda cloud, signed: _resigned(cloud, signed, roles=[]),
}


def _resigned(cloud, signed, **changes):
    claims = jwt.decode(signed, options={"verify_signature": False})
    return cloud.entra.key.sign(claims | changes)


@pytest.mark.parametrize("mistake", WRONG_TOKENS)
async def test_exchange_believes_no_token_with_a_wrong(cloud, mistake):
    """Each claim and the signature are really checked; the answer never says which was wrong."""
    signed = WRONG_TOKENS[mistake](cloud, await token(cloud.settings))

    assert await sign_in(cloud.settings, signed) == 535
    assert len(cloud.exchange.refusals) == 1


async def test_a_mailbox_must_exist_and_be_granted(cloud):
    """A mailbox unknown or revoked is refused like a bad token; a grant lets it in."""
    signed = await token(cloud.settings)
    unknown = await sign_in(cloud.settings, signed, "nobody@contoso.test")
    cloud.revoke_mailbox("scanner@contoso.test")
    revoked = await sign_in(cloud.settings, signed)
    cloud.grant_mailbox("SCANNER@contoso.test")

    assert (unknown, revoked, await sign_in(cloud.settings, signed, "Scanner@Contoso.test")) == (535, 535, 235)


async def test_revoked_tokens_are_refused_and_new_ones_taken(cloud):
    """After a revocation only tokens issued since are good."""
    before = await token(cloud.settings)
    cloud.entra.revoke_tokens()

    assert await sign_in(cloud.settings, before) == 535
    assert await sign_in(cloud.settings, await token(cloud.settings)) == 235


@in_thread
def sign_in(settings, signed, user="scanner@contoso.test"):
    """The code Exchange answers to a token; a 535 must be literally Exchange's."""
    with secured(settings) as client:
        code, text = client.docmd("AUTH", "XOAUTH2 " + xoauth2(user, signed))
    form = rb"5\.7\.3 Authentication unsuccessful \[\S+ \d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z [0-9A-F]{16}\]"
    assert code == 235 or re.fullmatch(form, text)
    return code
