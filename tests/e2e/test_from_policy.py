"""Each From policy, from the device to the mailbox: a pretend Exchange that checks every sender has the last word."""

from __future__ import annotations

from email.utils import getaddresses

import pytest

BOX, DESK = "box@contoso.test", "desk@contoso.test"
LETTER = "From: {author}\r\nTo: ann@contoso.test\r\nSubject: a scan\r\n\r\nHello\r\n"
JOHN = '"Doe, John" <john@contoso.test>'
POLICIES = {
    "keep": {"from": "keep"},
    "mailbox": {"from": "mailbox"},
    "person": {"from": "person"},
    "send_as": {"from": "send_as", "send_as": {"address": DESK, "name": "Hjælp, Désk"}},
    "listed": {"from": "keep", "senders": ["*@contoso.test"]},
    "strict": {"from": "person", "senders": ["*@contoso.test"], "unlisted": "refuse"},
}
ADDRESSES = {name: f"127.0.0.{number}" for number, name in enumerate((*POLICIES, "own"), 21)}


@pytest.fixture
def relay(start, cloud):
    """A device for each policy, all by one mailbox; `own` leaves by the profile send_as, with a policy of its own."""
    at = cloud.settings
    endpoint = {"host": at.smtp_host, "port": at.smtp_port, "ca_file": str(at.ca_file)}
    shared = {"app": "contoso", "mailbox": BOX, "endpoint": endpoint}
    profiles = {name: shared | policy for name, policy in POLICIES.items()}
    devices = {name: {"address": ADDRESSES[name], "profile": name} for name in POLICIES}
    devices["own"] = {"address": ADDRESSES["own"], "profile": "send_as", "from": "person"}
    cloud.order(cloud.cloud.grant_send_as, BOX, DESK)
    cloud.order(cloud.cloud.grant_send_as, BOX, "john@contoso.test")
    return start(profiles=profiles, devices=devices)


def sends(relay, name, recipient, *, author=JOHN, sender="john@contoso.test"):
    """Hands in a letter as that device; returns the last answer."""
    with relay.device(ADDRESSES[name]) as device:
        device.hello()
        device.address(recipient, sender=sender)
        return device.pour(LETTER.format(author=author).encode())


EXPECTED = {
    "keep": ("john@contoso.test", JOHN, None),
    "mailbox": (BOX, f"<{BOX}>", "<john@contoso.test>"),
    "person": (BOX, f'"Doe, John" <{BOX}>', "<john@contoso.test>"),
    "send_as": (DESK, f"=?utf-8?q?Hj=C3=A6lp=2C_D=C3=A9sk?= <{DESK}>", "<john@contoso.test>"),
    "listed": ("john@contoso.test", JOHN, None),
    "strict": (BOX, f'"Doe, John" <{BOX}>', "<john@contoso.test>"),
    "own": (BOX, f'"Doe, John" <{BOX}>', "<john@contoso.test>"),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_exchange_takes_what_each_policy_makes_of_a_person(relay, cloud, somebody, name):
    """MAIL FROM, From and Reply-To are as the table says, the mailbox signs in, and what was replaced is kept."""
    assert sends(relay, name, somebody).startswith("250 ")

    letter = cloud.letter(somebody)
    mail_from, author, reply_to = EXPECTED[name]
    assert (letter.mailbox, letter.mail_from) == (BOX, mail_from)
    assert (letter.header("From"), letter.header("Reply-To")) == (author, reply_to)
    assert letter.header("X-Original-From") == (None if reply_to is None else JOHN)


@pytest.mark.parametrize("name", ["mailbox", "person", "send_as", "own"])
def test_of_two_authors_none_stays_and_both_are_answered(relay, cloud, somebody, name):
    """Exchange refuses several authors without a Sender (5.1.20), and any author it knows no right for (5.2.252)."""
    sends(relay, name, somebody, author=f"{BOX},\r\n Ann <ann@x.test>, bob@x.test")

    letter = cloud.letter(somebody)
    assert [address for _, address in getaddresses([letter.header("From")])] == [letter.mail_from]
    assert letter.header("Reply-To").replace("\r\n", "") == "<ann@x.test>, <bob@x.test>"


def test_a_stranger_leaves_as_the_mailbox(relay, cloud, somebody):
    """`senders` with keep: not an address of him stays where anybody would look."""
    assert sends(relay, "listed", somebody, author="CEO <ceo@evil.test>", sender="ceo@evil.test").startswith("250 ")

    letter = cloud.letter(somebody)
    assert (letter.mail_from, letter.header("From"), letter.header("Reply-To")) == (BOX, f"<{BOX}>", None)
    changes = relay.journal.wait("message.received", sends_as=BOX, device="listed")["changes"]
    assert changes[-2:] == ["from-replaced", "sender-not-listed"]


def test_a_stranger_is_refused_where_the_profile_says_so(relay, cloud, somebody):
    """The device hears why, the journal too, and the session goes on."""
    answer = sends(relay, "strict", somebody, author="CEO <ceo@evil.test>")

    assert answer == "550 5.7.1 Sender <ceo@evil.test> not allowed; see senders of profile strict in the relay"
    assert relay.journal.wait("client.refused", device="strict")["reply"] == answer
    assert sends(relay, "strict", somebody).startswith("250 ")
    assert cloud.letter(somebody).header("Reply-To") == "<john@contoso.test>"


def test_without_the_right_the_mail_is_kept_and_the_remedy_named(relay, cloud, somebody):
    """keep, and a sender nobody gave the mailbox Send As for: the journal names the command that gives it."""
    assert sends(relay, "keep", somebody, author="eve@contoso.test", sender="eve@contoso.test").startswith("250 ")

    event = relay.journal.wait("message.deferred", device="keep")
    assert "5.2.252" in event["answer"]
    assert "eve@contoso.test" in event["remedy"]
    assert cloud.has(somebody) == 0
    cloud.order(cloud.cloud.grant_send_as, BOX, "eve@contoso.test")
    assert cloud.letter(somebody).mail_from == "eve@contoso.test"
