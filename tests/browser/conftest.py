"""A person at the dashboard: one Chromium, one pretend Microsoft 365 and one relay for the tests of a module.

    def test_something(browse: Browse, office: Shown, cloud: PretendCloud) -> None:
        page = browse("/devices")                          # signed in as an operator, wide, light
        page = browse("/devices", role=Role.VIEWER)        # or None: nobody is signed in
        page = browse("/", width=PHONE, dark=True)         # a phone at night
        page = browse("/", javascript=False)               # without JavaScript
        expect(page.get_by_role("heading", name="Devices")).to_be_visible()
        axe(page)                                          # no serious or critical finding
        screenshot(page, "devices")                        # docs/images/devices.png, only by `make screenshots`

Every page has a context of its own (cookies of one sign-in). A test fails at its end for any error on the console or in
a script, any violation of the CSP and any request to another host; `browse.watch.allow("403")` forgives what a test
provokes. `office` is the relay (tests/web/conftest.py), with its journal to wait for. A module that needs another
configuration defines its own `changes` fixture (module scope).
Don't mix with async tests in one module: Playwright's loop is the module's thread's.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from relay.control.accounts import Accounts
from relay.control.who import Role
from tests.browser.chromium import WAIT_MS, WIDE, Watch, chromium
from tests.e2e.configuration import configuration, write
from tests.e2e.conftest import cloud, somebody
from tests.e2e.running import RunningRelay
from tests.web.conftest import Shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page, StorageState

    from tests.e2e.pretend import PretendCloud

__all__ = ["cloud", "somebody"]

PASSWORD = "correct horse battery staple"
PEOPLE = {Role.OPERATOR: "ada", Role.VIEWER: "vic"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a module. Skipped where there is none, an error in CI."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def changes() -> dict[str, Any]:
    """What a module wants otherwise in the configuration of tests/e2e/configuration.py."""
    return {}


@pytest.fixture(scope="module")
def office(
    browser: Browser, cloud: PretendCloud, changes: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shown]:
    """The relay of a module, with an operator `ada` and a viewer `vic`; it must end in order."""
    directory = tmp_path_factory.mktemp("office")
    settings = configuration(cloud, directory, **{"http": {"listen": "127.0.0.1:0"}} | changes)
    data_dir = Path(settings["data_dir"])
    _employ(data_dir)
    with RunningRelay(write(directory / "relay.yaml", settings)) as relay:
        address = relay.journal.wait("http.listening")["address"]
        yield Shown(relay, int(address.rpartition(":")[2]), data_dir)
        assert not relay.journal.seen("http.failed"), relay.journal.tail()
        assert relay.stop() == 0, relay.journal.tail()


def _employ(data_dir: Path) -> None:
    data_dir.mkdir(exist_ok=True)
    accounts = Accounts()
    for role, name in PEOPLE.items():
        accounts.set_password(name, PASSWORD, role)
    accounts.write(data_dir)


class Browse:
    """Opens pages of the dashboard."""

    def __init__(self, browser: Browser, origin: str, signed_in: dict[Role, StorageState]) -> None:
        self.origin = origin
        self.watch = Watch(origin)
        self._browser = browser
        self._signed_in = signed_in
        self._contexts: list[BrowserContext] = []

    def __call__(
        self, path: str, *, role: Role | None = Role.OPERATOR, javascript: bool = True, dark: bool = False,
        width: tuple[int, int] = WIDE,
    ) -> Page:  # fmt: skip
        """A page in a context of its own, loaded."""
        context = self._browser.new_context(
            storage_state=self._state(role) if role else None, java_script_enabled=javascript,
            color_scheme="dark" if dark else "light", viewport={"width": width[0], "height": width[1]},
            reduced_motion="reduce", locale="en-GB", timezone_id="UTC", base_url=self.origin,
        )  # fmt: skip
        context.set_default_timeout(WAIT_MS)
        self.watch.over(context)
        self._contexts.append(context)
        page = context.new_page()
        page.goto(path)
        return page

    def close(self) -> None:
        """What the pages still had to say is heard first."""
        for context in self._contexts:
            context.close()

    def _state(self, role: Role) -> StorageState:
        """The cookies of somebody who signed in by the form, once a module."""
        if role not in self._signed_in:
            page = self("/sign-in", role=None)
            page.get_by_label("Name").fill(PEOPLE[role])
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in", exact=True).click()
            page.wait_for_url(self.origin + "/")
            self._signed_in[role] = page.context.storage_state()
        return self._signed_in[role]


@pytest.fixture(scope="module")
def signed_in() -> dict[Role, StorageState]:
    """Cookies of those who signed in already."""
    return {}


@pytest.fixture
def browse(browser: Browser, office: Shown, signed_in: dict[Role, StorageState]) -> Iterator[Browse]:
    """`browse(path)` is a page; see above."""
    opened = Browse(browser, f"http://127.0.0.1:{office.port}", signed_in)
    yield opened
    opened.close()
    assert not opened.watch.forbidden, "\n".join(opened.watch.forbidden)
