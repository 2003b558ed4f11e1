"""The first page: whether mail flows, why not, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from relay.control.who import Role
from relay.web.render import NAVIGATION
from tests.browser.chromium import PHONE, axe, screenshot, wider_than_the_screen
from tests.e2e.configuration import BUSY, COPIER, KEEPER
from tests.e2e.device import LETTER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import Browse
    from tests.e2e.pretend import PretendCloud
    from tests.web.conftest import Shown


@pytest.fixture(scope="module")
def secret(cloud: PretendCloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a secret that has expired."""
    file = tmp_path_factory.mktemp("secrets") / "old"
    file.write_text(cloud.order(lambda: cloud.cloud.add_secret(state="expired")).value)
    return file


@pytest.fixture(scope="module")
def changes(cloud: PretendCloud, secret: Path) -> dict[str, Any]:
    """The profile `busy` has an app of its own, with that secret."""
    at = cloud.settings
    app = {
        "tenant": at.tenant,
        "client_id": at.client_id,
        "authority": at.authority,
        "ca_file": str(at.ca_file),
        "credential": {"secret": {"file": str(secret)}},
    }
    return {
        "apps": {"legacy": app},
        "profiles": {"busy": {"app": "legacy"}},
        "delivery": {"recheck_s": 3600},
        "limits": {"messages_per_minute": 600},
    }


@pytest.fixture(scope="module")
def mail(office: Shown) -> None:
    """Some was delivered, some is deferred (it may not send as the device), some waits for the paused profile."""
    for number in range(3):
        send(office, COPIER, f"c{number}@contoso.test")
    send(office, KEEPER, "k@contoso.test")
    office.relay.journal.wait("message.delivered", count=3)
    office.relay.journal.wait("message.deferred", profile="keep")
    send(office, BUSY, "b@contoso.test")
    office.relay.journal.wait("profile.paused", profile="busy")


def send(office: Shown, address: str, recipient: str) -> str:
    """One letter of a device."""
    with office.relay.device(address) as device:
        device.hello()
        return device.deliver(recipient, message=LETTER)


@pytest.mark.usefixtures("mail")
def test_a_paused_profile_says_why_and_what_to_do(browse: Browse) -> None:
    """In the first line, with what Entra said and the remedy, and its mail in the queue by age."""
    page = browse("/")
    expect(page.get_by_role("heading", level=2).first).to_have_text("In part: mail of 1 of 4 profiles can't leave.")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="busy", exact=True)).first
    expect(row).to_contain_text("Paused")
    expect(page.get_by_text("AADSTS7000222").first).to_be_visible()
    expect(page.locator(".remedy").first).to_contain_text("secret")
    queue = page.get_by_role("region", name="Queue by age").get_by_role("row").nth(1).get_by_role("cell")
    expect(queue.nth(1)).to_have_text("1")
    axe(page)
    screenshot(page, "overview")


@pytest.mark.usefixtures("mail")
def test_the_queue_leads_to_its_messages(browse: Browse) -> None:
    """From a row of the queue to the messages of it, to the one, to what is to be done."""
    page = browse("/")
    page.get_by_role("region", name="Queue by age").get_by_role("link", name="keep").click()
    expect(page.get_by_label("Profile", exact=True)).to_have_value("keep")
    found = page.get_by_role("region", name="Found").get_by_role("rowheader").get_by_role("link")
    expect(found).to_have_count(1)
    found.click()
    expect(page.locator(".lead .remedy")).to_contain_text("Add-RecipientPermission")
    screenshot(page, "message")
    page.goto("/messages")
    screenshot(page, "messages")


@pytest.mark.usefixtures("mail")
def test_new_mail_shows_by_itself(browse: Browse, office: Shown) -> None:
    """The page asks again every five seconds; what had the focus keeps it."""
    page = browse("/")
    page.clock.install()
    page.reload()
    page.get_by_role("link", name="Refresh").focus()
    send(office, BUSY, "b2@contoso.test")
    row = page.get_by_role("row").filter(has_text="busy@contoso.test").first
    while "2 messages wait" not in row.inner_text():
        with page.expect_request_finished():
            page.clock.run_for(5000)
    expect(page.get_by_role("link", name="Refresh")).to_be_focused()


@pytest.mark.usefixtures("mail")
def test_a_page_that_nobody_sees_asks_nothing(browse: Browse) -> None:
    """And asks at once when it is seen again."""
    page = browse("/")
    page.evaluate("() => Object.defineProperty(document, 'hidden', {configurable: true, get: () => true})")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("() => htmx.trigger('#live', 'shown')")
    assert asked == []
    with page.expect_event("requestfinished"):
        page.evaluate("() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); }")


@pytest.mark.usefixtures("mail")
def test_old_figures_do_not_look_like_new_ones(browse: Browse) -> None:
    """When the relay no longer answers, the page says so, and takes it back."""
    page = browse("/")
    browse.watch.allow("ERR_FAILED")
    browse.watch.allow("htmx:sendError")
    browse.watch.allow("htmx:afterRequest")
    page.route("**/*", lambda route: route.abort())
    page.evaluate("() => htmx.trigger('#live', 'shown')")
    expect(page.get_by_role("alert")).to_contain_text("The relay does not answer.")
    page.unroute("**/*")
    page.evaluate("() => htmx.trigger('#live', 'shown')")
    expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.usefixtures("mail")
def test_without_javascript_it_is_a_plain_page(browse: Browse) -> None:
    """All of it, and a link to look again."""
    page = browse("/", javascript=False)
    expect(page.get_by_text("The client secret has expired.").first).to_be_visible()
    page.get_by_role("link", name="Refresh").click()
    expect(page.get_by_role("heading", name="Queue by age")).to_be_visible()


@pytest.mark.usefixtures("mail")
def test_a_phone_at_night_shows_it_without_scrolling_sideways(browse: Browse) -> None:
    """Also to a viewer, who gives no orders."""
    page = browse("/", width=PHONE, dark=True, role=Role.VIEWER)
    assert wider_than_the_screen(page) == 0
    axe(page)
    screenshot(page, "overview-phone")


def test_the_keyboard_reaches_everything(browse: Browse) -> None:
    """First the way past the navigation, then each page of it, then who is signed in."""
    page = browse("/")
    reached = []
    for _ in range(10):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("() => document.activeElement.textContent.trim()"))
    names = [name for _, name in NAVIGATION]
    assert reached == ["Skip to the content", "relay", *names, "Sign out"]
    page.reload()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@pytest.mark.usefixtures("mail")
def test_a_profile_is_mended_and_its_mail_leaves(
    browse: Browse, office: Shown, cloud: PretendCloud, secret: Path
) -> None:
    """What the remedy says is done, one click tries it at once, and the first line is good news."""
    secret.write_text(cloud.settings.client_secret)
    page = browse("/")
    page.get_by_role("button", name="Try now").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("due now")
    office.relay.journal.wait("message.delivered", profile="busy")
    page.get_by_role("link", name="Overview").click()
    while page.get_by_role("heading", level=2).first.inner_text() != "Yes, mail is flowing.":
        page.get_by_role("link", name="Refresh").click()  # the queue is looked at every two seconds
