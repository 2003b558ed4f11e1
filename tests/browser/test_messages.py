"""Messages: looked for, read whole, ordered about; what devices wrote into them is text and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from relay.control.who import Role
from relay.sandbox.faults import Fault
from tests.browser.chromium import PHONE, axe, wider_than_the_screen
from tests.e2e.configuration import COPIER, PERSON

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Browse
    from tests.e2e.pretend import PretendCloud
    from tests.web.conftest import Shown

HOSTILE = "<img src=x onerror=console.error('hit')>"
LETTER = f"From: mfp@device.test\nTo: ann@contoso.test\nSubject: {HOSTILE}\n\nHello\n".encode()
LATER = f"451 4.7.0 Temporary server error. Please try again later. PRX2 {HOSTILE}"
MANY = 51  # one more than a page has


@pytest.fixture(scope="module")
def changes() -> dict[str, Any]:
    """What is deferred stays deferred until somebody orders otherwise."""
    return {"delivery": {"retry_s": [3600], "recheck_s": 3600}}


def send(office: Shown, recipient: str, address: str = COPIER) -> str:
    """One letter with bare line ends and markup in all that a device may write."""
    with office.relay.device(address) as device:
        device.hello(f"EHLO {HOSTILE}")
        return device.deliver(recipient, message=LETTER)


@pytest.fixture(scope="module")
def delivered(office: Shown) -> str:
    """The id of one that has left."""
    name = send(office, "d@contoso.test")
    office.relay.journal.wait("message.delivered", id=name)
    return name


def deferred(office: Shown, cloud: PretendCloud, recipient: str) -> str:
    """The id of one that Exchange was not ready for, once."""
    cloud.add(Fault(stage="rcpt", action="reply", reply=LATER, count=1))
    name = send(office, recipient)
    office.relay.journal.wait("message.deferred", id=name)
    return name


def test_a_message_is_found_and_read_whole(browse: Browse, delivered: str) -> None:
    """From the search to its story: received, changed, stored, tried, delivered, with both sides."""
    page = browse("/messages")
    page.get_by_label("Device", exact=True).fill("copier")
    page.get_by_label("delivered", exact=True).check()
    page.get_by_role("button", name="Search").click()
    assert "device=copier" in page.url
    axe(page)
    page.locator(f'a[href="/messages/{delivered}"]').click()
    expect(page.get_by_role("heading", level=2).first).to_have_text("Delivered")
    story = page.get_by_role("region", name="What happened")
    names = [text.split(" 2")[0] for text in story.get_by_role("heading", level=3).all_inner_texts()]
    assert names == ["received from copier", "changed", "stored", "attempt 1 delivered", "delivered"]
    expect(story).to_contain_text("token shown")
    story.get_by_text("What both sides said").first.click()
    expect(story).to_contain_text("C: MAIL FROM:<mfp@device.test>")
    axe(page)


def test_what_a_device_wrote_is_text(browse: Browse, office: Shown, cloud: PretendCloud) -> None:
    """In the subject, in its greeting, in an answer: shown as it is, and nothing of it becomes a part of the page."""
    name = deferred(office, cloud, "h@contoso.test")
    page = browse(f"/messages/{name}")
    for part in ("What happened", "Header"):
        expect(page.get_by_role("region", name=part)).to_contain_text(HOSTILE)
    expect(page.locator(".lead")).to_contain_text("Temporary server error")
    for path in ("", "/messages", "/"):
        if path:
            page.goto(path)
        assert page.locator("main img").count() == 0


def test_the_header_shows_what_was_changed(browse: Browse, office: Shown, cloud: PretendCloud) -> None:
    """What is gone and what is new is said in words too, not by colour alone."""
    name = deferred(office, cloud, "c@contoso.test")
    page = browse(f"/messages/{name}", width=PHONE, dark=True)
    header = page.get_by_role("region", name="Header")
    expect(header.locator("del").first).to_contain_text("Before: From: mfp@device.test")
    expect(header.locator("ins").filter(has_text="After: Reply-To:")).to_have_count(1)
    assert wider_than_the_screen(page) == 0
    axe(page)


def test_retry_by_button(browse: Browse, office: Shown, cloud: PretendCloud) -> None:
    """One click, and the story tells who ordered it; the page follows it to its end."""
    name = deferred(office, cloud, "r@contoso.test")
    page = browse(f"/messages/{name}")
    expect(page.get_by_role("heading", level=2).first).to_contain_text("Queued: attempt 2 in ")
    page.get_by_role("button", name="Retry now").click()
    office.relay.journal.wait("message.delivered", id=name)
    expect(page.get_by_role("heading", level=2).first).to_have_text("Delivered")
    expect(page.get_by_role("region", name="What happened")).to_contain_text("by ada")
    cloud.letter("r@contoso.test")


def test_drop_asks_first_and_needs_no_javascript(browse: Browse, office: Shown, cloud: PretendCloud) -> None:
    """Cancelled, nothing is lost; confirmed, its content is gone."""
    name = deferred(office, cloud, "x@contoso.test")
    page = browse(f"/messages/{name}", javascript=False)
    page.get_by_role("button", name="Drop…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Drop this message?")
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", level=2).first).to_contain_text("Queued")
    page.get_by_role("button", name="Drop…").click()
    page.get_by_role("button", name="Drop it").click()
    expect(page.get_by_role("heading", level=2).first).to_have_text("Dropped")
    expect(page.get_by_role("region", name="Header")).to_contain_text("Nothing is kept")


def test_a_viewer_reads_and_orders_nothing(browse: Browse, office: Shown, cloud: PretendCloud) -> None:
    """There is no button, and the form of somebody else is refused."""
    name = deferred(office, cloud, "v@contoso.test")
    page = browse(f"/messages/{name}", role=Role.VIEWER)
    expect(page.get_by_role("heading", level=2).first).to_contain_text("Queued")
    main = page.get_by_role("main")
    assert main.get_by_role("button").count() == 0
    assert main.get_by_role("link", name="Download").count() == 0
    browse.watch.allow("403")
    page.evaluate(
        """(id) => {
          const form = document.createElement("form");
          Object.assign(form, {method: "post", action: "/messages/orders"});
          form.innerHTML = `<input name="order" value="hold"><input name="id" value="${id}">`;
          document.body.append(form);
          form.submit();
        }""",
        name,
    )
    expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")
    assert not office.relay.journal.seen("queue.ordered", order="hold")


def test_a_message_is_downloaded_by_operators(browse: Browse, office: Shown, cloud: PretendCloud) -> None:
    """As it is sent; the journal tells who did."""
    name = deferred(office, cloud, "l@contoso.test")
    page = browse(f"/messages/{name}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == f"{name}.eml"
    assert b"Hello" in download.value.path().read_bytes()
    assert office.relay.journal.wait("message.downloaded", id=name)["who"] == "ada"


def test_many_are_ordered_at_once(browse: Browse, office: Shown, cloud: PretendCloud) -> None:
    """Those that are ticked, then all that a search finds, which asks first and tells what was left."""
    names = [deferred(office, cloud, f"m{number}@contoso.test") for number in range(2)]
    page = browse("/messages?recipient=m*@contoso.test")
    for name in names:
        page.get_by_label(f"Choose {name}").check()
    page.get_by_role("button", name="Hold", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("2 messages held")
    page.goto("/messages?recipient=m*@contoso.test&state=held&state=queued")
    page.get_by_role("button", name="Hold all…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hold everything found?")
    expect(page.get_by_role("main")).to_contain_text("m*@contoso.test")
    axe(page)
    page.get_by_role("button", name="Hold them").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("0 messages held")
    assert page.get_by_role("cell", name="it is held already").count() == 2


def test_a_long_list_has_pages(browse: Browse, office: Shown) -> None:
    """Without JavaScript, on a phone; the search goes along."""
    with office.relay.device(PERSON) as device:
        device.hello()
        for number in range(MANY):
            device.deliver(f"p{number}@contoso.test")
    page = browse("/messages?device=person", javascript=False, width=PHONE)
    assert rows(page) == MANY - 1
    assert wider_than_the_screen_without_javascript(page) <= PHONE[0]
    page.get_by_role("link", name="Older").click()
    assert rows(page) == 1
    page.get_by_role("link", name="Newest").click()
    assert rows(page) == MANY - 1


def rows(page: Page) -> int:
    """Messages listed."""
    return page.locator("tbody tr").count()


def wider_than_the_screen_without_javascript(page: Page) -> float:
    """The width of the page's content."""
    box = page.locator("body").bounding_box()
    return box["width"] if box else 0


def test_a_mistake_is_told_beside_the_form(browse: Browse) -> None:
    """And what was typed is still there; a message that is not is told as such."""
    browse.watch.allow("status of 40")
    page = browse("/messages?since=yesterday&device=copier")
    expect(page.get_by_role("alert").last).to_contain_text("'yesterday' is no time")
    expect(page.get_by_label("Device", exact=True)).to_have_value("copier")
    page.goto("/messages/01AAAAAAAAAAAAAAAAAAAAAAAA")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
