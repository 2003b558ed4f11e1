"""Traps of MSAL 1.39 in what surrounds a question: construction, environment, credentials (measured): each
test shows bare MSAL going wrong at the sandbox, and ours doing right there.

A test that fails in its bare half tells that MSAL has changed: then our handling may go.
"""

from __future__ import annotations

import asyncio

import jwt
import pytest
import requests

from relay.tokens.answers import Route
from relay.tokens.certificate import Certificate, PemSource
from relay.tokens.credentials import Secret
from relay.tokens.entra import Entra
from relay.tokens.keeper import Keeper
from tests.tokens import keys
from tests.tokens.bare import Http, ask, bare, entra, error_of, fault, questions


async def test_the_environment_names_who_is_trusted(cloud, ours, monkeypatch, tmp_path):
    """REQUESTS_CA_BUNDLE beats MSAL's `verify`; ours trusts the configured CA."""
    other = tmp_path / "other.pem"
    other.write_text(keys.pem(keys.certified(keys.rsa_key(), name="another authority")))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    with pytest.raises(requests.exceptions.SSLError):
        await bare(cloud, verify=str(cloud.settings.ca_file))

    assert await ours.token()


async def test_nothing_ends_a_question_that_hangs(cloud, monkeypatch):
    """MSAL's own client has no timeout, and waits as long as the authority is silent; ours gives up."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    application = await bare(cloud, verify=str(cloud.settings.ca_file))
    monkeypatch.setattr("relay.tokens.answers.READ_TIMEOUT_S", 0.2)
    keeper = Keeper(entra(cloud), grace_s=300)
    hanging = fault(cloud, "hang")
    waits = asyncio.ensure_future(ask(application, cloud))
    await cloud.faults.hit_at("token")

    assert (await error_of(keeper)).error == "timeout"
    assert not waits.done()
    cloud.faults.remove(hanging)
    assert "access_token" in await waits


async def test_the_constructor_talks_to_entra(cloud, clock):
    """Entra is down at the start: MSAL cannot even be built; ours is, and works once Entra is there."""
    await cloud.entra_down()
    with pytest.raises(requests.exceptions.ConnectionError):
        await bare(cloud)
    keeper = Keeper(entra(cloud, clock=clock), grace_s=300, clock=clock)
    assert (await error_of(keeper)).error == "unreachable"
    await cloud.entra_up()

    assert await keeper.token()


async def test_a_wrong_tenant_is_a_value_error_without_the_number(cloud):
    """MSAL: "Unable to get authority configuration", the AADSTS number in __context__ alone; ours has it."""
    nowhere = cloud.settings.authority.rpartition("/")[0] + "/11111111-2222-3333-4444-555555555555"
    with pytest.raises(ValueError, match="Unable to get authority configuration") as caught:
        await bare(cloud, authority=nowhere)
    assert "AADSTS" not in str(caught.value)

    at = cloud.settings
    issuer = Entra(at.client_id, nowhere, at.scope, credential=Secret(lambda: "s"), route=Route(at.ca_file))
    error = await error_of(Keeper(issuer, grace_s=300))
    assert error.codes == (90002,)
    assert "AADSTS90002" in error.description


@pytest.mark.parametrize("nothing", [None, ""])
async def test_no_secret_is_asked_with(cloud, nothing):
    """MSAL sends a question without a credential, and Entra speaks of something else; ours asks nobody and says it."""
    application = await bare(cloud, client_credential=nothing)
    answer = await ask(application, cloud)
    assert answer["error_codes"][0] in (7000216, 7000218)
    before = questions(cloud)
    error = await error_of(Keeper(entra(cloud, credential=Secret(lambda: nothing)), grace_s=300))

    assert (error.error, "empty" in error.description) == ("secret_unreadable", True)
    assert questions(cloud) == before


async def test_the_environment_moves_the_endpoint(cloud, ours, monkeypatch):
    """MSAL_FORCE_REGION sends the secret to another host; ours goes to the configured one."""
    monkeypatch.setenv("MSAL_FORCE_REGION", "westeurope")
    with pytest.raises(requests.exceptions.ConnectionError, match=r"westeurope\."):
        await bare(cloud)

    assert await ours.token()


async def test_an_authority_without_a_tenant_is_a_value_error(cloud):
    """MSAL wants a path and says so in its own words; ours is a TokenError that names the authority."""
    no_path = cloud.settings.authority.rpartition("/")[0]
    with pytest.raises(ValueError, match="segment"):
        await bare(cloud, authority=no_path)

    at = cloud.settings
    issuer = Entra(at.client_id, no_path, at.scope, credential=Secret(lambda: "s"), route=Route(at.ca_file))
    error = await error_of(Keeper(issuer, grace_s=300))
    assert (error.error, no_path in error.description) == ("bad_answer", True)


async def test_every_pem_pair_is_sent_along(cloud):
    """MSAL sends the certificate (x5c) with each PEM pair, and signs one assertion for nine minutes; ours does not."""
    key = keys.rsa_key()
    certificate = keys.certified(key)
    cloud.add_certificate(keys.pem(certificate))
    theirs = []

    class Watching(Http):
        def post(self, url, **more):
            theirs.append(more["data"]["client_assertion"])
            return super().post(url, **more)

    pair = {"private_key": keys.key_pem(key), "public_certificate": keys.pem(certificate)}
    application = await bare(cloud, client_credential=pair, http_client=Watching(cloud.settings.ca_file))
    for _ in range(2):
        assert "access_token" in await ask(application, cloud)
        application.remove_tokens_for_client()
    source = PemSource("r.crt", lambda: keys.pem(certificate), lambda: keys.key_pem(key))
    credential = Certificate(cloud.settings.client_id, source)
    own = [credential.load().client_credential(f"{cloud.settings.authority}/oauth2/v2.0/token") for _ in range(2)]
    keeper = Keeper(entra(cloud, credential=credential), grace_s=300)

    assert ["x5c" in jwt.get_unverified_header(each) for each in theirs + own] == [True, True, False, False]
    assert (theirs[0] == theirs[1], own[0] == own[1]) == (True, False)
    assert await keeper.token()
