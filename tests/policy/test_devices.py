"""What a device may do beyond being known: its senders, its login from more than one place, which option refuses."""

from __future__ import annotations

from typing import Any

import pytest

from relay.config.settings import Device, Listener
from relay.message.address import NULL, Address
from relay.policy.admission import Client, may_be_from, may_send, may_show, may_write_to, too_large, too_many
from relay.policy.refusal import option_of
from relay.policy.routing import Directory, Known

LOGIN = {"username": "scan", "password": {"env": "PASSWORD"}}


def directory(**devices: dict[str, Any]) -> Directory:
    return Directory(
        {name: Device.model_validate({"profile": "scans", **options}) for name, options in devices.items()}
    )


def copier(**options: Any) -> Known:
    known = directory(copier={"address": "10.0.2.17", **options}).by_address("10.0.2.17")
    assert known is not None
    return known


@pytest.mark.parametrize(
    ("client", "name"), [("10.0.2.17", "one"), ("10.0.2.99", "floor"), ("10.0.9.9", "anywhere"), ("local", "anywhere")]
)
def test_of_devices_with_one_user_name_the_most_specific_address_wins(client: str, name: str) -> None:
    """And the one that has none is for the rest."""
    where = directory(
        anywhere={"login": LOGIN}, floor={"address": "10.0.2.0/24", "login": LOGIN},
        one={"address": "10.0.2.17", "login": LOGIN},
    )  # fmt: skip
    known = where.by_login("scan", client)
    assert known is not None
    assert known.name == name


def test_who_needs_a_login_beside_the_address_can_be_named() -> None:
    """For whoever asks why an address alone is not enough."""
    where = directory(erp={"address": "10.0.2.0/24", "login": LOGIN}, fax={"address": "10.0.2.17"})
    assert [known.name for known in where.only_with_login("10.0.2.17")] == ["erp"]
    assert where.only_with_login("10.0.3.1") == where.only_with_login("local") == []
    assert [known.name for known in where.users("scan")] == ["erp"]


@pytest.mark.parametrize(
    ("senders", "sender", "allowed"),
    [
        (["*"], "anybody@anywhere", True),
        (["*"], NULL, True),
        (["*@print.test"], "MFP@Print.test", True),
        (["*@print.test"], "mfp@print.test.evil", False),
        (["*@print.test"], "mfp", False),
        (["*@print.test"], NULL, False),
        (["*@print.test", "<>"], NULL, True),
    ],
)
def test_a_device_names_only_its_senders(senders: list[str], sender: str, allowed: bool) -> None:
    """In MAIL FROM; the empty one is written <>."""
    refusal = may_be_from(Client("10.0.2.17", False, copier(senders=senders)), Address(sender))
    assert (refusal is None) is allowed
    assert refusal is None or (refusal.code, option_of(refusal)) == (550, "devices.copier.senders")


@pytest.mark.parametrize(
    ("head", "allowed"),
    [
        (b"From: Copier <mfp@print.test>\r\n", True),
        (b"From: Copier\r\n", True),
        (b"Subject: no author\r\n", True),
        (b"From: boss@contoso.test\r\n", False),
        (b"From: mfp@print.test, boss@contoso.test\r\n", False),
        (b"From: mfp@print.test\r\nfrom: <boss@contoso.test>\r\n", False),
        (b"From: =?utf-8?q?B=C3=B6ss?=\r\n <boss@contoso.test>\r\n", False),
    ],
)
def test_what_a_message_shows_as_its_author_is_one_of_the_senders_too(head: bytes, allowed: bool) -> None:
    """Every address of every From; a name without address names nobody."""
    refusal = may_show(copier(senders=["*@print.test"]), head + b"\r\n")
    assert (refusal is None) is allowed
    assert may_show(copier(), head + b"\r\n") is None


def test_every_refusal_names_the_option_it_goes_back_to() -> None:
    """So that the journal and `relay explain` can say which line to change."""
    known = copier(max_message_size=10, messages_per_hour=3, recipients=["*@a.test"])
    listener = Listener.model_validate({"listen": "127.0.0.1:0", "max_message_size": 20, "tls": "required"})
    me = Client("10.0.2.17", False, known)
    found = [
        too_large(10, known, listener), too_large(20, known, listener), too_large(30, known, listener),
        too_many(known, 61), may_write_to(me, Address("x@b.test"), 0, 1), may_write_to(me, Address("x@a.test"), 1, 1),
        may_send(listener, me, None, 1),
    ]  # fmt: skip
    assert [option_of(refusal) for refusal in found if refusal is not None] == [
        "devices.copier.max_message_size", "listener.max_message_size", "intake.max_message_size",
        "devices.copier.messages_per_hour", "devices.copier.recipients", "intake.max_recipients", "listener.tls",
    ]  # fmt: skip


def test_a_device_that_sent_too_much_hears_when_it_may_go_on() -> None:
    """A code that means later, and the minutes."""
    reply = too_many(copier(messages_per_hour=3), 61)
    assert str(reply) == "450 4.7.1 copier may send 3 messages an hour, again in 2 min"


def test_a_sender_in_a_reply_is_short_and_plain() -> None:
    """It goes to small panels, and came from outside."""
    refusal = may_be_from(Client("x", False, copier(senders=["*@print.test"])), Address("ü" * 200 + "@x.test"))
    assert refusal is not None
    assert str(refusal).isascii()
    assert len(str(refusal)) < 160
