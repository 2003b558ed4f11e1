"""Devices, Explain and Settings as a person uses them, in the browser."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import pytest
import yaml
from playwright.sync_api import expect

from relay.control.who import Role
from tests.browser.chromium import PHONE, axe, screenshot, wider_than_the_screen
from tests.e2e.configuration import COPIER, NARROW, write

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Browse
    from tests.web.conftest import Shown

NEWCOMER = "127.0.0.80"


def knock(office: Shown, address: str) -> str:
    """What somebody hears who sends from that address."""
    with office.relay.device(address) as device:
        device.hello("EHLO plotter")
        return device.ask("MAIL FROM:<plotter@device.test>")


@pytest.fixture(scope="module")
def mail(office: Shown) -> None:
    """A scan, and somebody a device may not write to."""
    with office.relay.device(COPIER) as device:
        device.hello("EHLO mfp")
        device.deliver("ann@contoso.test")
    with office.relay.device(NARROW) as device:
        device.hello()
        device.ask("MAIL FROM:<mfp@device.test>")
        assert device.ask("RCPT TO:<ann@elsewhere.test>").startswith("550")


def copied(page: Page, name: str) -> str:
    """What the button puts into the clipboard."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name=name).click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    return str(page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.usefixtures("mail")
def test_an_unknown_device_is_adopted(browse: Browse, office: Shown) -> None:
    """It knocks; the overview tells; its YAML goes into the file; the change is looked at and applied; it is in."""
    assert knock(office, NEWCOMER).startswith("530")
    page = browse("/")
    page.get_by_role("link", name="turned away").click()
    expect(page.get_by_role("heading", name=NEWCOMER)).to_be_visible()
    axe(page)
    screenshot(page, "devices")
    settings = yaml.safe_load(office.relay.config.read_text())
    settings["devices"] |= yaml.safe_load(copied(page, "Copy YAML"))
    write(office.relay.config, settings)

    page.get_by_role("link", name="look at what a reload would change").click()
    expect(page.get_by_role("row", name=f"devices.plotter.address added not set {NEWCOMER}")).to_be_visible()
    axe(page)
    screenshot(page, "reload")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("status")).to_contain_text("The file is in force now.")
    expect(page.get_by_text("Nothing differs.")).to_be_visible()
    assert office.relay.journal.wait("config.reloaded")["who"] == "ada"

    assert knock(office, NEWCOMER).startswith("250")
    page.goto("/devices")
    expect(page.get_by_role("rowheader", name="plotter")).to_be_visible()
    expect(page.get_by_text("Nobody unknown was refused.")).to_be_visible()


@pytest.mark.usefixtures("mail")
def test_a_device_says_why_it_was_turned_away_and_what_would_happen(browse: Browse) -> None:
    """From the list to the device to a dry run with its values, and the line that decides."""
    page = browse("/devices", role=Role.VIEWER)
    page.get_by_label("Filter").fill("narr")
    expect(page.get_by_text("1 of")).to_be_visible()
    expect(page.get_by_role("link", name="copier")).to_have_count(0)
    page.get_by_role("link", name="narrow").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Device narrow")
    expect(page.get_by_text("550 5.7.1 Recipient not allowed for narrow")).to_be_visible()
    expect(page.get_by_text("look at devices.narrow.recipients")).to_be_visible()
    axe(page)
    screenshot(page, "device")
    page.get_by_label("Recipients").fill("ann@contoso.test\nann@elsewhere.test")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("heading", level=2).first).to_have_text("refused")
    expect(page.get_by_role("cell", name="devices.narrow.recipients").last).to_be_visible()
    expect(page.get_by_label("Address of the device")).to_have_value(NARROW)
    axe(page)
    screenshot(page, "dry-run")


@pytest.mark.usefixtures("mail")
def test_all_of_it_is_there_without_a_script_and_on_a_phone(browse: Browse) -> None:
    """Filter, sort and dry run are plain forms."""
    page = browse("/devices", javascript=False, width=PHONE, dark=True)
    page.get_by_label("Sort by").select_option("Turned away")
    page.get_by_label("Order").select_option("largest first")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("rowheader").first).to_contain_text("narrow")
    page.get_by_label("Address of the device").fill(COPIER)
    page.get_by_label("Recipients").fill("ann@contoso.test")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("heading", level=2).first).to_have_text("allowed")


def test_nothing_is_wider_than_a_phone_and_all_can_be_read_at_night(browse: Browse) -> None:
    """Every page of these."""
    page = browse("/devices", width=PHONE, dark=True)
    for path in ("/devices", "/devices/copier", "/explain?text=AADSTS7000215", "/settings", "/settings/reload"):
        page.goto(path)
        assert wider_than_the_screen(page) == 0, path
        axe(page)


def test_an_answer_is_explained(browse: Browse) -> None:
    """Pasted as it was seen, with the remedy for the profile."""
    page = browse("/explain", role=Role.VIEWER)
    page.get_by_label("What did it say?").fill(
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox."
    )
    page.get_by_label("Fill the remedy for profile").select_option("box")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".remedy")).to_contain_text("box@contoso.test")
    axe(page)
    screenshot(page, "explain")
    page.get_by_label("What did it say?").fill("lunch")
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_role("alert")).to_contain_text("paste the whole line")


def test_settings_are_shown_with_their_origin_and_no_secret(browse: Browse, office: Shown) -> None:
    """Where a secret is kept; defaults when they are wanted; mistakes of the file with their lines."""
    page = browse("/settings")
    secret = office.data_dir.parent / "app-secret"
    expect(page.get_by_text(f"file:{secret}").first).to_be_visible()
    expect(page.get_by_text("devices.copier.answer")).to_have_count(0)
    axe(page)
    screenshot(page, "settings")
    page.get_by_role("link", name="Defaults too").click()
    expect(page.get_by_role("row", name="intake.max_sessions 1000 default")).to_be_visible()
    assert html.escape(secret.read_text().strip()) not in page.content()
    text = office.relay.config.read_text()
    office.relay.config.write_text(text + "devces: {}\n")
    try:
        page.goto("/settings/reload")
        expect(page.locator(".complaints")).to_contain_text("did you mean 'devices'?")
        expect(page.get_by_role("button", name="Apply")).to_have_count(0)
    finally:
        office.relay.config.write_text(text)
