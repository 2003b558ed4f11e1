"""The first start in a browser: the address in the log makes the first operator, who looks around and signs out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import axe, screenshot
from tests.browser.conftest import PASSWORD, Browse
from tests.e2e.configuration import configuration, write
from tests.e2e.running import RunningRelay
from tests.web.conftest import Shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.e2e.pretend import PretendCloud


@pytest.fixture(scope="module")
def office(cloud: PretendCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A relay at which nobody was ever signed in."""
    directory = tmp_path_factory.mktemp("first")
    settings = configuration(cloud, directory, http={"listen": "127.0.0.1:0"})
    with RunningRelay(write(directory / "relay.yaml", settings)) as relay:
        address = relay.journal.wait("http.listening")["address"]
        yield Shown(relay, int(address.rpartition(":")[2]), Path(settings["data_dir"]))
        assert relay.stop() == 0, relay.journal.tail()


@pytest.fixture
def browse(browser: Browser, office: Shown) -> Iterator[Browse]:
    """Nobody has a cookie yet."""
    opened = Browse(browser, f"http://127.0.0.1:{office.port}", {})
    yield opened
    opened.close()
    assert not opened.watch.forbidden, "\n".join(opened.watch.forbidden)


def test_the_first_operator_is_made_looks_around_and_signs_out(browse: Browse, office: Shown) -> None:
    """From the address in the log to an overview; after signing out the pages are closed again."""
    page = browse(office.relay.journal.wait("web.setup")["address"].removeprefix(browse.origin), role=None)
    axe(page)
    screenshot(page, "setup")
    page.get_by_label("Name").fill("ada")
    passwords = page.locator("input[type=password]")
    passwords.nth(0).fill(PASSWORD)
    passwords.nth(1).fill(PASSWORD)
    page.get_by_role("main").get_by_role("button").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    for name in ("Messages", "Devices", "Profiles", "Test mail", "Explain", "Settings"):
        page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.title().startswith(page.get_by_role("heading", level=1).inner_text())
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    axe(page)
    screenshot(page, "sign-in")
    page.goto("/messages")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
