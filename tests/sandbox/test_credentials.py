"""How an application may prove itself to the pretend Entra, with MSAL and with assertions made by hand."""

import base64
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from tests.sandbox.conftest import TrustingHttp, in_thread, msal_answer
from tests.sandbox.keys import pair
from tests.sandbox.test_management import ask

KUBERNETES = "https://kubernetes.default.svc.cluster.local"
SERVICE_ACCOUNT = "system:serviceaccount:mail:relay"


@pytest.fixture(scope="module")
def own():
    """A key and its certificate."""
    return pair()


@pytest.fixture(scope="module")
def foreign():
    """A key nobody registered."""
    return pair()


CREDENTIALS = {
    "PEM and thumbprint": lambda own: {"private_key": own.key_pem, "thumbprint": own.sha1},
    "PEM and certificate": lambda own: {"private_key": own.key_pem, "public_certificate": own.pem},
}


@pytest.mark.parametrize("kind", CREDENTIALS)
async def test_a_certificate_signs_in_by_either_thumbprint(cloud, own, kind):
    """RS256 with x5t and PS256 with x5t#S256 and x5c, as MSAL makes them."""
    cloud.add_certificate(own.pem)
    got = await msal_answer(cloud.settings, secret=CREDENTIALS[kind](own))

    claims = jwt.decode(got["access_token"], options={"verify_signature": False})
    assert (claims["appidacr"], claims["roles"]) == ("2", ["SMTP.SendAsApp"])


@pytest.mark.parametrize("kind", CREDENTIALS)
async def test_a_certificate_that_is_not_registered_is_refused_with_its_thumbprint(cloud, own, foreign, kind):
    """AADSTS700027 names the key that the client used."""
    cloud.add_certificate(foreign.pem)
    got = await msal_answer(cloud.settings, secret=CREDENTIALS[kind](own))

    assert (got["error_codes"], got["error"]) == ([700027], "invalid_client")
    assert "is not registered on application. [Reason - The key was not found., Thumbprint" in got["error_description"]


async def test_an_expired_certificate_is_refused_with_its_dates(cloud):
    """The signature is right, but the time of the certificate is over."""
    old = pair(days=-1, since=-30)
    cloud.add_certificate(old.pem)
    got = await msal_answer(cloud.settings, secret={"private_key": old.key_pem, "thumbprint": old.sha1})

    assert got["error_codes"] == [700027]
    assert "[Reason - The key used is expired., Thumbprint" in got["error_description"]
    assert ", Found key 'Start=" in got["error_description"]


def thumbprint(own, name="x5t"):
    """The header that names a certificate."""
    return {name: base64.urlsafe_b64encode(bytes.fromhex(own.sha1)).rstrip(b"=").decode()}


def assertion(cloud, own, *, algorithm="RS256", headers=None, **changes):
    """A client assertion as Microsoft describes it, with changes."""
    settings, now = cloud.settings, int(time.time())
    claims = {
        "iss": settings.client_id,
        "sub": settings.client_id,
        "aud": f"{settings.authority}/oauth2/v2.0/token",
        "nbf": now,
        "exp": now + 600,
    }
    return jwt.encode({**claims, **changes}, own.private, algorithm=algorithm, headers=headers or thumbprint(own))


@in_thread
def post(settings, **form):
    """One bare request for a token: the JSON of the answer."""
    http = TrustingHttp(str(settings.ca_file))
    given = {
        "grant_type": "client_credentials",
        "client_id": settings.client_id,
        "scope": settings.scope,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    try:
        return http.post(f"{settings.authority}/oauth2/v2.0/token", data=given | form).json()
    finally:
        http.close()


async def test_an_assertion_made_by_hand_is_taken(cloud, own):
    """The one that the refusals below are made of."""
    cloud.add_certificate(own.pem)

    assert "access_token" in await post(cloud.settings, client_assertion=assertion(cloud, own))


MISTAKES = {
    "signature": (700027, lambda cloud, own, other: assertion(cloud, other, headers=thumbprint(own))),
    "audience": (700023, lambda cloud, own, other: assertion(cloud, own, aud="https://elsewhere.test/token")),
    "subject": (700023, lambda cloud, own, other: assertion(cloud, own, sub="another")),
    "end": (700024, lambda cloud, own, other: assertion(cloud, own, exp=int(time.time()) - 400)),
    "beginning": (700024, lambda cloud, own, other: assertion(cloud, own, nbf=int(time.time()) + 400)),
    "name of the key": (700027, lambda cloud, own, other: assertion(cloud, own, headers={"kid": "1"})),
    "algorithm": (50012, lambda cloud, own, other: assertion(cloud, own, algorithm="RS512")),
    "chain": (50012, lambda cloud, own, other: assertion(cloud, own, headers=thumbprint(own) | {"x5c": der(other)})),
    "form": (50027, lambda cloud, own, other: "no.jwt.atall"),
}


def der(own):
    """The header x5c of one certificate."""
    return [base64.b64encode(own.certificate.public_bytes(serialization.Encoding.DER)).decode()]


@pytest.mark.parametrize("what", MISTAKES)
async def test_a_client_assertion_is_refused_for_its(cloud, own, foreign, what):
    """Everything in an assertion is really looked at; times have five minutes of grace."""
    cloud.add_certificate(own.pem)
    code, made = MISTAKES[what]
    got = await post(cloud.settings, client_assertion=made(cloud, own, foreign))

    assert got["error_codes"] == [code], got


async def test_an_assertion_needs_its_type(cloud, own):
    """RFC 7521 §4.2: without client_assertion_type it is nothing."""
    cloud.add_certificate(own.pem)
    got = await post(cloud.settings, client_assertion=assertion(cloud, own), client_assertion_type="jwt")

    assert got["error_codes"] == [50027]


def federated(own, **changes):
    """A token as Kubernetes projects it into a pod."""
    now = int(time.time())
    claims = {"iss": KUBERNETES, "sub": SERVICE_ACCOUNT, "aud": ["api://AzureADTokenExchange"], "exp": now + 3600}
    return jwt.encode({**claims, "nbf": now, **changes}, own.private, algorithm="RS256", headers={"kid": "k8s"})


async def test_a_federated_identity_signs_in_through_msal(cloud, own):
    """MSAL hands the platform's token over as it is."""
    cloud.add_federated(KUBERNETES, SERVICE_ACCOUNT, own.public_pem)
    got = await msal_answer(cloud.settings, secret={"client_assertion": lambda: federated(own)})

    assert "access_token" in got


async def test_a_federated_key_may_be_given_as_jwk(cloud, own):
    """The issuer's own way to publish it."""
    key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(own.private.public_key()))
    cloud.add_federated(KUBERNETES, SERVICE_ACCOUNT, key)

    assert "access_token" in await post(cloud.settings, client_assertion=federated(own))


FOREIGN = {
    "issuer": (700211, {"iss": "https://other.test"}, "presented assertion issuer 'https://other.test'"),
    "subject": (700213, {"sub": SERVICE_ACCOUNT.upper()}, "presented assertion subject 'SYSTEM:SERVICEACCOUNT"),
    "audience": (700212, {"aud": "api://else"}, "presented assertion audience 'api://else'"),
    "end": (700024, {"exp": int(time.time()) - 3600}, "not within its valid time range"),
}


@pytest.mark.parametrize("what", FOREIGN)
async def test_a_federated_token_is_refused_for_its(cloud, own, what):
    """Issuer, subject and audience are compared exactly, and the sentence quotes what was presented."""
    code, changes, sentence = FOREIGN[what]
    cloud.add_federated(KUBERNETES, SERVICE_ACCOUNT, own.public_pem)
    got = await post(cloud.settings, client_assertion=federated(own, **changes))

    assert got["error_codes"] == [code]
    assert sentence in got["error_description"]


async def test_a_federated_token_is_refused_without_a_record_or_with_a_foreign_key(cloud, own, foreign):
    """Nobody's token is believed unless its issuer's key has signed it."""
    none = await post(cloud.settings, client_assertion=federated(own))
    cloud.add_federated(KUBERNETES, SERVICE_ACCOUNT, own.public_pem)
    forged = await post(cloud.settings, client_assertion=federated(foreign))

    assert (none["error_codes"], forged["error_codes"]) == ([70025], [700027])


async def test_two_secrets_are_good_at_once_and_each_has_its_state(cloud):
    """A rotation: the new one works beside the old one, then the old one expires."""
    second = cloud.add_secret("second-secret", days=7)
    before = [await msal_answer(cloud.settings), await msal_answer(cloud.settings, secret="second-secret")]
    cloud.set_secret("expired")
    first_after = await msal_answer(cloud.settings)
    second_after = await msal_answer(cloud.settings, secret=second.value)
    cloud.remove_credential(second.id)
    gone = await msal_answer(cloud.settings, secret="second-secret")

    assert all("access_token" in got for got in [*before, second_after])
    assert (first_after["error_codes"], gone["error_codes"]) == ([7000222], [7000215])


async def test_a_secret_expires_by_its_date(cloud):
    """The end date alone is enough."""
    cloud.add_secret("old", days=-1)

    assert (await msal_answer(cloud.settings, secret="old"))["error_codes"] == [7000222]


async def test_credentials_are_added_over_the_management_port(cloud, own):
    """Another process can rotate too, and sees end dates but no value."""
    _, made = await ask(cloud.settings, "POST", "/secrets", {"value": "by-port", "days": 3})
    await ask(cloud.settings, "POST", "/certificates", {"pem": own.pem})
    record = {"issuer": KUBERNETES, "subject": SERVICE_ACCOUNT, "key": own.public_pem}
    status, _ = await ask(cloud.settings, "POST", "/federated", record)
    _, listed = await ask(cloud.settings, "GET", "/application")
    shown = json.loads(listed)

    assert status == 201
    assert "access_token" in await msal_answer(cloud.settings, secret="by-port")
    assert "by-port" not in listed
    assert (shown["certificates"][0]["thumbprint"], shown["federated"][0]["subject"]) == (
        own.sha1.upper(),
        SERVICE_ACCOUNT,
    )
    assert (await ask(cloud.settings, "DELETE", f"/credentials/{json.loads(made)['id']}"))[0] == 204
    assert (await ask(cloud.settings, "POST", "/certificates", {"pem": "nonsense"}))[0] == 400
    assert (await ask(cloud.settings, "POST", "/secrets", {"state": "lost"}))[0] == 400


async def test_a_rotated_key_is_published_beside_the_old_one(cloud):
    """Tokens of both are good; revoking makes both worthless."""
    before = (await msal_answer(cloud.settings))["access_token"]
    cloud.entra.rotate_keys()
    after = (await msal_answer(cloud.settings))["access_token"]

    assert len(cloud.entra.key.jwks()) == 2
    assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(after)["kid"]
    assert [cloud.exchange.sign_in("scanner@contoso.test", one).mailbox for one in (before, after)] == [
        "scanner@contoso.test"
    ] * 2


async def test_graph_tokens_have_roles_of_their_own(cloud):
    """Mail.Send is Graph's, SMTP.SendAsApp is Exchange's."""
    got = await msal_answer(cloud.settings, scope="https://graph.microsoft.com/.default")

    claims = jwt.decode(got["access_token"], options={"verify_signature": False})
    assert (claims["aud"], claims["roles"]) == ("https://graph.microsoft.com", ["Mail.Send"])


async def test_client_credentials_need_a_tenant(cloud):
    """/common is for people."""
    base = cloud.settings.authority.rpartition("/")[0]
    got = await msal_answer(cloud.settings, authority=f"{base}/common")

    assert got["error_codes"] == [9001023]
