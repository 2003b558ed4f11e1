"""The door in a real browser: first start, signing in and out, Entra ID and back, and what a browser sends by itself.

Chromium knows `relay.test` as this machine: a name in clear, as in an office, for which it says no Sec-Fetch-Site.
"""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import WAIT_MS, Watch, axe, chromium, screenshot
from tests.e2e.configuration import configuration, write
from tests.e2e.pretend import PretendCloud
from tests.e2e.running import RunningRelay
from tests.web.conftest import Shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

SECRET = "a long enough password"
VIC = "vic@contoso.test"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium("--host-resolver-rules=MAP relay.test 127.0.0.1") as running:
        yield running


@pytest.fixture(scope="module")
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def cloud(port: int) -> Iterator[PretendCloud]:
    uris = (f"http://localhost:{port}/sign-in/entra",)
    with PretendCloud(users={VIC: {}}, redirect_uris=uris) as running:
        yield running


@pytest.fixture(scope="module")
def office(
    browser: Browser, cloud: PretendCloud, port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shown]:
    """Nobody has signed in yet; who has an account in the tenant may look."""
    assert browser.is_connected()
    directory = tmp_path_factory.mktemp("door")
    entra = {"app": "contoso", "viewers": ["*@contoso.test"]}
    http = {"listen": f"127.0.0.1:{port}", "public_url": f"http://localhost:{port}", "entra": entra}
    with RunningRelay(write(directory / "relay.yaml", configuration(cloud, directory, http=http))) as relay:
        relay.journal.wait("http.listening")
        yield Shown(relay, port, directory / "data")
        assert not relay.journal.seen("http.failed"), relay.journal.tail()


@pytest.fixture
def page(browser: Browser, office: Shown) -> Iterator[Page]:
    """Forgives the certificate of the pretend Entra, and nothing else."""
    context = browser.new_context(ignore_https_errors=True, base_url=f"http://localhost:{office.port}")
    context.set_default_timeout(WAIT_MS)
    watch = Watch("http://")  # other hosts: those a test opens
    watch.allow("request to another host")
    watch.allow("oauth2/v2.0/authorize")  # the pretend Entra has no favicon
    watch.over(context)
    yield context.new_page()
    context.close()
    assert not watch.forbidden, "\n".join(watch.forbidden)


def test_first_start_in_and_out_and_in_again(page: Page, office: Shown) -> None:
    """The address in the log makes the operator; over a plain name the form is the relay's own all the same."""
    page.goto(office.relay.journal.wait("web.setup")["address"])
    axe(page)
    screenshot(page, "setup")
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password", exact=True).fill(SECRET)
    page.get_by_label("Password once more").fill(SECRET)
    page.get_by_role("button", name="Make the operator").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    axe(page)
    screenshot(page, "sign-in")
    with page.expect_request(re.compile("sign-in$"), timeout=WAIT_MS) as sent:
        page.goto(f"http://relay.test:{office.port}/sign-in")
        page.get_by_label("Name").fill("ann")
        page.get_by_label("Password").fill(SECRET)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    assert "sec-fetch-site" not in sent.value.all_headers()


def test_entra_and_back_and_links_from_elsewhere(page: Page, office: Shown) -> None:
    """The cookie is for requests of the relay's own pages alone, and still nobody signs in twice."""
    page.goto("/messages")
    page.get_by_role("link", name="Sign in with Microsoft").click()
    page.get_by_role("button", name=VIC).click()
    expect(page.get_by_role("heading", name="Messages", exact=True)).to_be_visible()
    expect(page.get_by_text(VIC)).to_be_visible()
    page.goto(f"data:text/html,<a href='http://localhost:{office.port}/messages'>the wiki</a>")
    page.get_by_role("link", name="the wiki").click()
    expect(page.get_by_role("heading", name="Messages", exact=True)).to_be_visible()
