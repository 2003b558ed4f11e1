"""Sign-in with Entra ID, from the sign-in page through a pretend Entra and back: who comes in, and who does not."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from relay.sandbox.faults import Fault
from tests.e2e.configuration import configuration, write
from tests.e2e.person import Browser
from tests.e2e.pretend import PretendCloud
from tests.e2e.running import RunningRelay
from tests.web.conftest import Shown
from tests.web.person import Person, path_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ANN, VIC, EVE = "ann@contoso.test", "vic@contoso.test", "eve@other.test"
NAMES = {"operators": [ANN], "viewers": ["*@contoso.test"]}
STRICT_AND_HIDDEN = ("HttpOnly", "SameSite=strict")


@pytest.fixture(scope="module")
def port() -> int:
    """The redirect URI is registered with its port before the relay listens there."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def cloud(port: int) -> Iterator[PretendCloud]:
    uris = (f"http://localhost:{port}/sign-in/entra",)
    with PretendCloud(users={ANN: {}, VIC: {}, EVE: {}}, redirect_uris=uris) as running:
        yield running


@pytest.fixture(scope="module")
def shown(cloud: PretendCloud, port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """One relay, opened as http://localhost:PORT."""
    directory = tmp_path_factory.mktemp("entra")
    http = {
        "listen": f"127.0.0.1:{port}", "public_url": f"http://localhost:{port}", "entra": {"app": "contoso", **NAMES},
    }  # fmt: skip
    settings = configuration(cloud, directory, http=http)
    with RunningRelay(write(directory / "relay.yaml", settings)) as relay:
        relay.journal.wait("http.listening")
        yield Shown(relay, port, directory / "data")
        assert not relay.journal.seen("http.failed"), relay.journal.tail()


@pytest.fixture
def person(shown: Shown) -> Person:
    return Person(shown.port, host="localhost")


@pytest.fixture
def browser(cloud: PretendCloud) -> Browser:
    return Browser(cloud.settings.ca_file)


def went(person: Person, browser: Browser, name: str, target: str = "/") -> str:
    """Where Entra sends the browser back to, once that user has signed in there."""
    there = person.get(f"/sign-in/entra?next={target}")
    assert there.status == 303, there.body
    return path_of(browser.sign_in(there.location, name))


def test_people_sign_in_with_their_own_account(shown: Shown, person: Person, browser: Browser) -> None:
    """An operator by name, a viewer by pattern; the page that follows leads to where they wanted to go."""
    assert "Sign in with Microsoft" in person.get("/sign-in?next=/messages").body
    landed = person.get(went(person, browser, ANN, "/messages"))
    assert (landed.status, 'content="0; url=/messages"' in landed.body) == (200, True)
    cookies = landed.headers.get_all("Set-Cookie")
    assert any(all(word in cookie for word in STRICT_AND_HIDDEN) for cookie in cookies), cookies
    assert f"{ANN} <small>(operator)" in person.get("/").body
    assert shown.relay.journal.wait("web.signed_in", name=ANN)["way"] == "entra"
    viewer = Person(shown.port, host="localhost")
    viewer.get(went(viewer, browser, VIC))
    assert f"{VIC} <small>(viewer)" in viewer.get("/").body
    assert not shown.relay.journal.seen("web.setup")


def test_the_app_is_asked_who_it_is_and_nothing_more(cloud: PretendCloud, person: Person, browser: Browser) -> None:
    """openid and profile: no mail, and no token that would outlive the sign-in."""
    person.get(went(person, browser, ANN))
    asked = cloud.order(lambda: dict(cloud.cloud.entra.authorize.last[-1]))
    assert set(asked["scope"].split()) == {"openid", "profile"}
    assert asked["nonce"]
    assert asked["code_challenge_method"] == "S256"


def test_who_is_not_listed_stays_outside(shown: Shown, person: Person, browser: Browser) -> None:
    """403 says who it was and whom to ask; the journal has it."""
    refused = person.get(went(person, browser, EVE))
    assert (refused.status, EVE in refused.body) == (403, True)
    assert person.get("/").status == 303
    assert shown.relay.journal.wait("web.sign_in_refused", way="entra", name=EVE)["address"] == "127.0.0.1"


def test_an_answer_is_good_once_and_in_the_browser_that_was_sent(
    shown: Shown, person: Person, browser: Browser
) -> None:
    """Else somebody could sign a victim in as himself, or use what he has seen in a log."""
    home = went(person, browser, ANN)
    assert Person(shown.port, host="localhost").get(home).status == 400
    other = Person(shown.port, host="localhost")
    went(other, browser, VIC)
    mixed = other.get(home)
    assert (mixed.status, other.get("/").status) == (403, 303), mixed.body
    assert person.get(home).status == 200
    assert person.get(home).status == 400


def test_a_person_who_declines_is_told_what_entra_said(person: Person, browser: Browser) -> None:
    """With its own words."""
    there = person.get("/sign-in/entra")
    home = path_of(browser.choose(there.location, decline="1"))
    refused = person.get(home)
    assert (refused.status, "AADSTS65004" in refused.body) == (403, True), refused.body


def test_entra_that_is_down_is_told_with_its_words(cloud: PretendCloud, person: Person) -> None:
    """And password and proxy go on: only this way is closed."""
    fault = cloud.add(Fault(stage="discovery", action="http", status=503))
    try:
        refused = person.get("/sign-in/entra")
    finally:
        cloud.remove(fault)
    assert refused.status == 502
    assert "Do this:" in refused.body


def test_the_page_that_follows_holds_nothing_of_what_entra_sent(person: Person, browser: Browser) -> None:
    """The code is of no use twice, and is nobody else's business."""
    home = went(person, browser, ANN)
    code = parse_qs(urlsplit(home).query)["code"][0]
    assert code not in person.get(home).body
