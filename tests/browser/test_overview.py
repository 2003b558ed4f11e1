"""The first page: whether mail flows, why not, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import axe, screenshot
from tests.e2e.configuration import BUSY, COPIER, KEEPER
from tests.e2e.device import LETTER

if TYPE_CHECKING:
    from tests.browser.conftest import Browse
    from tests.e2e.pretend import PretendCloud
    from tests.web.conftest import Shown


@pytest.fixture(scope="module")
def changes(cloud: PretendCloud, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The profile `busy` has an app of its own, whose secret has expired."""
    at = cloud.settings
    secret = tmp_path_factory.mktemp("secrets") / "old"
    secret.write_text(cloud.order(lambda: cloud.cloud.add_secret(state="expired")).value)
    app = {
        "tenant": at.tenant,
        "client_id": at.client_id,
        "authority": at.authority,
        "ca_file": str(at.ca_file),
        "credential": {"secret": {"file": str(secret)}},
    }
    return {"apps": {"legacy": app}, "profiles": {"busy": {"app": "legacy"}}, "delivery": {"recheck_s": 3600}}


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
