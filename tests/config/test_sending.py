"""What a profile says of senders: send_as and who may be named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.config.loader import parse
from relay.config.settings import FromPolicy, SendAs, Unlisted

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config.complaint import Complaint

    All = Callable[[str], list[Complaint]]
    One = Callable[[str, str], str]

DEVICE, SENDS_AS = "profile: scans, rec", "profile: scans, from: send_as, rec"
AS = "send_as: {address: desk@contoso.com, name: Désk}"


def test_send_as_is_an_address_and_a_name(good: str) -> None:
    """Both are there; the list of senders is everybody."""
    profile = parse(good.replace("from: mailbox", f"from: send_as, {AS}")).profiles["scans"]
    assert profile.from_policy is FromPolicy.SEND_AS
    assert profile.send_as == SendAs(address="desk@contoso.com", name="Désk")
    assert (profile.senders, profile.unlisted) == (("*",), Unlisted.MAILBOX)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("from: mailbox", "from: send_as", "profiles.scans.from: the profile has no send_as"),
        (DEVICE, SENDS_AS, "devices.copier.from: profile scans has no send_as"),
        ("devices:", "defaults: {from: send_as}\ndevices:", "defaults.from: profile scans has no send_as"),
    ],
)
def test_send_as_needs_somebody_to_send_as(good: str, complaints: All, old: str, new: str, words: str) -> None:
    """In the profile, in a device that leaves by it, in the defaults of all devices."""
    found = [str(item) for item in complaints(good.replace(old, new, 1))]
    assert any(words in line and "add send_as: {address: …, name: …} to the profile" in line for line in found), found


def test_a_device_may_send_as_where_its_profile_has_an_address(good: str) -> None:
    """Though the profile itself does not."""
    text = good.replace("from: mailbox", f"from: mailbox, {AS}").replace(DEVICE, SENDS_AS)
    assert parse(text).devices["copier"].from_policy is FromPolicy.SEND_AS


def test_a_sender_that_matches_no_address_is_named(complaint_of: One) -> None:
    """A bare domain is a usual mistake."""
    line = complaint_of("from: mailbox", "from: keep, senders: [contoso.com]")
    assert "profiles.scans.senders" in line
    assert "for a whole domain write *@contoso.com" in line
