"""Profiles: settings tested as they are typed, a person's sign-in, PowerShell, test mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import PHONE, WAIT_MS, axe, screenshot, wider_than_the_screen
from tests.e2e.delegated import ANN, USERS, delegated
from tests.e2e.person import Browser
from tests.e2e.pretend import PretendCloud

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.conftest import Browse
    from tests.web.conftest import Shown


@pytest.fixture(scope="module")
def cloud() -> Iterator[PretendCloud]:
    """With people who can sign in."""
    with PretendCloud(users=USERS) as running:
        yield running


@pytest.fixture(scope="module")
def changes(cloud: PretendCloud, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two profiles for which people sign in; a paused one is tried again after an hour."""
    whole = delegated(cloud, tmp_path_factory.mktemp("delegated"), profiles={"box": {"canary": "ceo@contoso.test"}})
    changed = {name: whole[name] for name in ("profiles", "devices", "token_store")}
    return changed | {"delivery": {"recheck_s": 3600}}


def test_settings_are_tried_as_they_are_typed(browse: Browse, cloud: PretendCloud) -> None:
    """A wrong secret is refused in Entra's words; the right one, typed next, is all that was missing; then the YAML."""
    page = browse("/profiles")
    page.get_by_role("link", name="Test settings of box").click()
    page.get_by_label("Client secret").fill("not~the.secret")
    page.get_by_label("Name of the profile").fill("scanner")
    screenshot(page, "test-settings-form")
    page.get_by_role("button", name="Test settings").click()
    expect(page.get_by_text("not well")).to_be_visible(timeout=WAIT_MS)
    expect(page.get_by_text("AADSTS7000215").first).to_be_visible()
    expect(page.get_by_text("Do this:").first).to_be_visible()
    page.get_by_role("link", name="Change and test again").click()
    expect(page.get_by_label("Client secret")).to_have_value("")
    expect(page.get_by_label("Mailbox that signs in")).to_have_value("box@contoso.test")
    page.get_by_label("Client secret").fill(cloud.settings.client_secret)
    page.get_by_role("button", name="Test settings").click()
    expect(page.get_by_text("all is well")).to_be_visible(timeout=WAIT_MS)
    expect(page.locator("#yaml")).to_contain_text("/etc/relay/contoso.secret")
    assert cloud.settings.client_secret not in page.content()
    axe(page)
    screenshot(page, "test-settings")


def test_what_is_mistyped_is_said_at_its_field(browse: Browse) -> None:
    """And can be tried again from there; the field names its complaint to those who do not see."""
    browse.watch.allow("400")
    page = browse("/test-settings?profile=box")
    page.get_by_label("Port", exact=True).fill("465")
    page.get_by_role("button", name="Test settings").click()
    field = page.get_by_label("Port", exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#port-slip")).to_contain_text("STARTTLS")
    axe(page)


def test_a_person_signs_in_and_the_mail_that_waited_leaves(browse: Browse, office: Shown, cloud: PretendCloud) -> None:
    """A test mail waits and says for what; after the sign-in it is delivered, and the dashboard's tab shows both."""
    mail = browse("/test-mail?profile=ann")
    mail.get_by_label("To", exact=True).fill("waiting@contoso.test")
    mail.get_by_role("button", name="Send").click()
    expect(mail.get_by_text("relay authorize ann").first).to_be_visible(timeout=WAIT_MS)
    page = browse("/profiles")
    expect(page.get_by_text("paused").first).to_be_visible(timeout=WAIT_MS)
    assert wider_than_the_screen(page) == 0
    screenshot(page, "profiles")
    axe(page)
    page.get_by_role("link", name="Authorize ann").click()
    page.get_by_role("button", name="Sign in with a browser").click()
    expect(page.get_by_text("comes back to this dashboard by itself")).to_be_visible()
    axe(page)
    screenshot(page, "authorize")
    address = page.get_by_role("link", name="Sign in at Microsoft").get_attribute("href")
    assert address is not None
    browse.watch.allow(f"http://localhost:{office.port}/")
    home = Browser(cloud.settings.ca_file).sign_in(address, ANN)
    landed = browse(home, role=None)
    expect(landed.get_by_role("heading", level=1)).to_have_text("Signed in")
    expect(page.get_by_text("signed in", exact=True)).to_be_visible(timeout=WAIT_MS)
    expect(mail.get_by_text("delivered", exact=True)).to_be_visible(timeout=WAIT_MS)
    page.goto("/profiles/ann")
    expect(page.get_by_text("Mail of this profile leaves.")).to_be_visible(timeout=WAIT_MS)


def test_without_javascript_an_address_is_pasted(browse: Browse, cloud: PretendCloud) -> None:
    """What is wrong with a pasted text is said; the right address signs in."""
    browse.watch.allow("400")
    page = browse("/profiles/boss/authorize", javascript=False)
    page.get_by_role("button", name="Sign in with a browser").click()
    page.get_by_label("the address it ended at").fill("what am I to do?")
    page.get_by_role("button", name="Take this address").click()
    expect(page.get_by_role("alert").first).to_contain_text("not the whole address")
    address = page.get_by_role("link", name="Sign in at Microsoft").get_attribute("href")
    assert address is not None
    home = Browser(cloud.settings.ca_file).sign_in(address, "b.oss@corp.contoso.test")
    page.get_by_label("the address it ended at").fill(home)
    page.get_by_role("button", name="Take this address").click()
    expect(page.get_by_text("signed in", exact=True)).to_be_visible(timeout=WAIT_MS)


def test_the_script_is_copied(browse: Browse) -> None:
    """Both ways; what is in the clipboard is the whole script."""
    page = browse("/profiles/box/powershell")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#script").text_content()
    assert "New-ManagementRoleAssignment" in copied
    axe(page)
    page.get_by_role("link", name="Classic").click()
    expect(page.locator("#script")).to_contain_text("Add-MailboxPermission")


def test_a_test_mail_is_followed_to_exchanges_answer(browse: Browse) -> None:
    """Live, to its end, with the way to the whole story."""
    page = browse("/test-mail")
    page.get_by_label("Profile").select_option("box")
    page.get_by_label("To", exact=True).fill("mail@contoso.test")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("delivered", exact=True)).to_be_visible(timeout=WAIT_MS)
    expect(page.get_by_text("250 2.0.0").first).to_be_visible()
    expect(page.get_by_role("link", name="The whole story of this message")).to_be_visible()
    axe(page)
    screenshot(page, "test-mail")


def test_on_a_phone_at_night(browse: Browse) -> None:
    """Nothing is wider than the screen, and axe finds nothing in the dark either."""
    page = browse("/profiles", width=PHONE, dark=True)
    assert wider_than_the_screen(page) == 0
    axe(page)
    for path in ("/profiles/box", "/test-settings?profile=box", "/profiles/box/powershell", "/profiles/ann/authorize"):
        page.goto(path)
        assert wider_than_the_screen(page) == 0, path
    axe(page)
