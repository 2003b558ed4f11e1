"""Pages of other sites: what they make a browser send is refused, also under a name that leads to this machine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from relay.control.who import Role
from relay.web.sessions import COOKIE
from tests.web.test_guard import Place

if TYPE_CHECKING:
    from pathlib import Path

    from tests.web.person import Person

PUBLIC = "https://relay.contoso.test"
REMEMBERED = {"Cookie": f"{COOKIE}=x"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, public_url=PUBLIC, proxy={"trusted": ["127.0.0.1"], "operators": ["ann"]})


async def status(person: Person, method: str = "POST", path: str = "/sign-out", **headers: str) -> int:
    """Names of headers with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return (await asyncio.to_thread(person.ask, method, path, named)).status


async def test_forms_of_other_sites_are_refused(place: Place) -> None:
    """By Sec-Fetch-Site, else by Origin; and where neither is said, when a cookie or the proxy would say who asks."""
    async with place.open() as person:
        here = f"http://127.0.0.1:{person.port}"
        for headers, expected in (
            ({"Sec-Fetch-Site": "same-origin"}, 303),
            ({"Sec-Fetch-Site": "none"}, 303),
            ({"Sec-Fetch-Site": "same-site"}, 403),
            ({"Sec-Fetch-Site": "cross-site"}, 403),
            ({"Sec-Fetch-Site": "cross-site", "Origin": here}, 403),
            ({"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.test"}, 303),
            ({"Origin": here}, 303),
            ({"Origin": PUBLIC}, 303),
            ({"Origin": "null"}, 403),
            ({"Origin": "http://evil.test"}, 403),
            ({"Origin": "http://127.0.0.1:1"}, 403),
            ({"Origin": f"{PUBLIC}.evil.test"}, 403),
            ({"Origin": "http://["}, 403),
            ({}, 303),
            (REMEMBERED, 403),
            ({"X-Forwarded-User": "ann"}, 403),
            ({**REMEMBERED, "Origin": here}, 303),
        ):
            assert await status(person, **headers) == expected, headers


async def test_a_refusal_says_why_and_what_to_do(place: Place) -> None:
    """In plain words for a browser, as JSON for a program."""
    async with place.open() as person:
        cross = {"Sec-Fetch-Site": "cross-site"}
        page = await asyncio.to_thread(person.ask, "POST", "/sign-out", cross)
        assert "http.public_url" in page.body
        assert "Content-Security-Policy" in page.headers
        call = await asyncio.to_thread(person.ask, "POST", "/api/v1/status", cross)
        assert (call.status, '"remedy"' in call.body) == (403, True)


async def test_looking_and_tokens_need_no_such_proof(place: Place) -> None:
    """No page of another site has the token."""
    token = place.token(Role.VIEWER)
    async with place.open() as person:
        assert await status(person, "GET", "/sign-in", **{"Sec-Fetch-Site": "cross-site"}) == 200
        assert await status(person, path="/api/v1/status", **token, **REMEMBERED) == 405


async def test_a_name_that_is_not_the_relays_is_refused(place: Place) -> None:
    """421 names the remedy; addresses, localhost, the hostname and public_url are its own; probes don't mind."""
    token = place.token(Role.VIEWER)
    async with place.open() as person:
        for host, expected in (
            ("evil.test", 421), ("evil.test:8925", 421), ("relay.test.evil.test", 421), ("127.0.0.1.evil.test", 421),
            ("127.0.0.1:8925", 200), ("[::1]:8925", 200), ("[fe80::1]", 200), ("localhost", 200), ("RELAY.test.", 200),
            ("relay:1", 200), ("relay.contoso.test", 200), ("contoso.test", 421),
        ):  # fmt: skip
            assert await status(person, "GET", "/sign-in", Host=host) == expected, host
        assert await status(person, "GET", "/status", Host="evil.test") == 421
        assert await status(person, "GET", "/api/v1/nothing", Host="evil.test", **token) == 404
        assert await status(person, "GET", "/metrics", Host="evil.test") == 500  # answered; here is nothing to count
        refused = await asyncio.to_thread(person.ask, "GET", "/", {"Host": "evil.test"})
        assert "http.public_url" in refused.body


async def test_the_way_back_never_leads_elsewhere(place: Place) -> None:
    """After the sign-in somebody stands on a page of the relay."""
    place.accounts.set_password("ann", "a long enough password", Role.OPERATOR)
    place.accounts.write(place.data_dir)
    foreign = ("https://evil.test/", "//evil.test/", "/\\evil.test/", "/\t/evil.test/", "javascript:alert(1)", "")
    async with place.open() as person:
        for target, landed in (("/messages?state=held", "/messages?state=held"), *((one, "/") for one in foreign)):
            seen = await asyncio.to_thread(person.sign_in, "ann", "a long enough password", target)
            assert (seen.status, seen.location) == (303, landed), target
