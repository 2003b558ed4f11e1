"""Traps of MSAL 1.39 (facts: measured): each shows bare MSAL going wrong at the sandbox, and ours doing right there.

A test that fails in its bare half tells that MSAL has changed: then our handling may go.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
from concurrent.futures import ThreadPoolExecutor

import msal
import pytest
import requests

from relay.tokens.credentials import Secret
from relay.tokens.keeper import Keeper
from tests.tokens.bare import AGING, SHORT, ask, bare, entra, error_of, fault, once, questions


async def test_a_refused_token_is_handed_out_again(cloud, ours):
    """Second call: MSAL's cache gives the token that Exchange has just refused; ours drops it and asks."""
    application = await bare(cloud)
    first = await ask(application, cloud)
    kept = await ours.token()
    cloud.entra.revoke_tokens()

    assert (await ask(application, cloud))["access_token"] == first["access_token"]
    ours.refused(kept)
    assert (await ours.token()).value != kept.value
    issuer = entra(cloud)
    values = {(await asyncio.to_thread(issuer.acquire)).value for _ in range(2)}
    assert len(values) == 2


async def test_five_minutes_before_its_end_a_token_is_as_good_as_none(cloud, ours, clock):
    """Less than 300 s left and Entra refuses: MSAL has no token any more; ours serves to the end."""
    application = await bare(cloud)
    once(cloud, SHORT)
    await ask(application, cloud)
    kept = await ours.token()
    clock.ahead = 3599 - 299
    cloud.set_secret("expired")

    assert "access_token" not in await ask(application, cloud)
    assert await ours.token() is kept


async def test_a_refreshed_token_has_no_refresh_in(cloud):
    """MSAL takes `refresh_in` away and puts the epoch `refresh_on` there; ours looks at neither."""
    application = await bare(cloud)
    once(cloud, AGING)
    answer = await ask(application, cloud)
    once(cloud, AGING | {"access_token": "fresh"})
    again = await ask(application, cloud)

    assert (again["access_token"], "refresh_in" in answer, "refresh_on" in again) == ("fresh", False, True)
    once(cloud, AGING)
    token = await asyncio.to_thread(entra(cloud, clock=lambda: 5000.0).acquire)
    assert (token.value, token.expires_at) == ("aging", 8600.0)


@pytest.mark.parametrize("trouble", ["refusal", "connection"])
async def test_a_failed_refresh_is_hidden(cloud, clock, trouble):
    """Entra refuses or is not there while the old token lives: MSAL says nothing at all; ours tells and serves."""
    told = []
    application = await bare(cloud)
    keeper = Keeper(
        entra(cloud, clock=clock), grace_s=300, clock=clock, on_kept=lambda error, left: told.append((error, left))
    )
    kept = await keeper.token()
    clock.ahead = 3500
    once(cloud, AGING)
    await ask(application, cloud)
    if trouble == "refusal":
        cloud.set_secret("expired")
    else:
        await cloud.entra_down()

    hidden = await ask(application, cloud)
    assert (hidden["access_token"], "error" in hidden) == ("aging", False)
    assert await keeper.token() is kept
    [(error, left)] = told
    assert (error.error, left) == ("invalid_client" if trouble == "refusal" else "unreachable", 99)


async def test_a_5xx_at_refresh_raises_although_a_token_is_valid(cloud, ours, clock):
    """MSAL raises MsalServiceError with a good token in its cache; ours hands that out."""
    application = await bare(cloud)
    once(cloud, AGING)
    await ask(application, cloud)
    kept = await ours.token()
    clock.ahead = 3500
    fault(cloud, status=503)

    with pytest.raises(msal.exceptions.MsalServiceError):
        await ask(application, cloud)
    assert await ours.token() is kept


async def test_no_connection_raises_what_requests_raises(cloud, ours):
    """MSAL lets requests' exception through; ours is a TokenError that says unreachable."""
    application = await bare(cloud)
    await cloud.entra_down()

    with pytest.raises(requests.exceptions.ConnectionError):
        await ask(application, cloud)
    assert (await error_of(ours)).error == "unreachable"


async def test_a_5xx_is_repeated_when_it_is_over(cloud, ours):
    """For 5 s MSAL raises the same without asking; ours asks and gets its token."""
    application = await bare(cloud)
    fault(cloud, status=503, count=2)
    with pytest.raises(msal.exceptions.MsalServiceError):
        await ask(application, cloud)
    assert (await error_of(ours)).status == 503

    with pytest.raises(msal.exceptions.MsalServiceError):
        await ask(application, cloud)
    assert await ours.token()


async def test_a_429_is_an_empty_answer(cloud, ours, clock):
    """MSAL: an empty dict, no error, no exception, no time; ours: 429 with Retry-After, obeyed to the second."""
    application = await bare(cloud)
    fault(cloud, status=429, body="{}", retry_after=17, count=1)
    assert await ask(application, cloud) == {}
    fault(cloud, status=429, body="{}", retry_after=17, count=1)
    error = await error_of(ours)
    asked = questions(cloud)
    clock.ahead = 16.9
    again = await error_of(ours)

    assert (error.status, error.retry_after, again) == (429, 17.0, error)
    assert questions(cloud) == asked
    clock.ahead = 17.1
    assert await ours.token()


async def test_a_refusal_of_400_is_repeated_for_a_minute(cloud, ours):
    """The administrator has mended it: MSAL repeats the old refusal by heart; ours asks."""
    application = await bare(cloud)
    fault(cloud, "aadsts", aadsts=500011, count=2)
    refused = await ask(application, cloud)
    assert (await error_of(ours)).codes == (500011,)

    assert refused["error_codes"] == (await ask(application, cloud))["error_codes"] == [500011]
    assert await ours.token()


async def test_a_401_is_asked_again_with_the_old_secret(cloud, clock):
    """A 401 is not remembered, but the secret is: MSAL goes on with the one it was built with; ours reads it anew."""
    at, stored = cloud.settings, {"secret": cloud.settings.client_secret}
    application = await bare(cloud)
    keeper = Keeper(entra(cloud, credential=Secret(lambda: stored["secret"]), clock=clock), grace_s=300, clock=clock)
    cloud.set_secret("expired")
    stored["secret"] = cloud.add_secret().value
    before = questions(cloud)
    answers = [await ask(application, cloud) for _ in range(2)]

    assert [answer["error_codes"] for answer in answers] == [[7000222]] * 2
    assert questions(cloud) - before == 2
    assert await keeper.token()
    assert at.client_secret != stored["secret"]


async def test_a_guest_networks_page_is_a_decoding_error(cloud, ours, caplog):
    """MSAL: JSONDecodeError and the whole page in the log; ours: bad_answer, and silence."""
    application = await bare(cloud)
    fault(cloud, "portal")
    logging.getLogger("msal").setLevel(logging.NOTSET)  # as it is before ours has silenced it
    with pytest.raises(json.JSONDecodeError):
        await ask(application, cloud)
    assert "<html" in caplog.text.lower()
    caplog.clear()

    assert (await error_of(ours)).error == "bad_answer"
    assert "<html" not in caplog.text.lower()


async def test_force_refresh_is_a_value_error(cloud, ours):
    """MSAL refuses the word for app-only tokens; ours has `refused`."""
    application = await bare(cloud)
    with pytest.raises(ValueError, match="force_refresh"):
        await ask(application, cloud, force_refresh=True)
    first = await ours.token()
    ours.refused(first)

    assert await ours.token() != first


async def test_ten_threads_ask_ten_times(cloud, ours):
    """Cold cache: MSAL sends a question for each thread; ours one for all."""
    application = await bare(cloud)
    held = fault(cloud, "hang")  # until all ten have asked
    with ThreadPoolExecutor(10) as pool:
        question = functools.partial(application.acquire_token_for_client, [cloud.settings.scope])
        asking = [asyncio.get_running_loop().run_in_executor(pool, question) for _ in range(10)]
        await cloud.faults.hit_at("token", 10)
        cloud.faults.remove(held)
        await asyncio.gather(*asking)
    before = cloud.entra.issued
    assert before == 10

    await asyncio.gather(*(ours.token() for _ in range(10)))
    assert cloud.entra.issued - before == 1
