"""Who may submit what: each refusal with a code devices know and a text that says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.config.settings import Device, Listener
from relay.message.address import NULL, Address
from relay.policy.admission import Client, may_send, may_write_to, must_encrypt, too_large
from relay.policy.routing import Directory, Known

if TYPE_CHECKING:
    from relay.message.reply import Reply

LIMIT = 1000


def listener(**options: str) -> Listener:
    return Listener.model_validate({"listen": "127.0.0.1:0", **options})


def copier() -> Known:
    device = Device.model_validate({"address": "10.0.2.17", "profile": "scans", "recipients": ["*@contoso.test"]})
    known = Directory({"copier": device}).by_address("10.0.2.17")
    assert known is not None
    return known


def client(known: Known | None, *, encrypted: bool = False) -> Client:
    return Client("10.0.2.17", encrypted, known)


@pytest.mark.parametrize(
    ("tls", "encrypted", "code"), [("required", False, 530), ("required", True, 0), ("optional", False, 0)]
)
def test_a_listener_that_requires_tls_takes_nothing_in_clear(tls: str, encrypted: bool, code: int) -> None:
    """Before anything else is asked."""
    reply = must_encrypt(listener(tls=tls), client(None, encrypted=encrypted))
    assert (reply.code if reply else 0) == code


@pytest.mark.parametrize(
    ("auth", "code", "words"),
    [
        ("none", 550, "add its address to devices"),
        ("optional", 530, "log in, or add address 10.0.2.17"),
        ("required", 530, "set user name and password"),
    ],
)
def test_an_unknown_client_is_told_how_to_become_known(auth: str, code: int, words: str) -> None:
    """In the words of this listener."""
    reply = may_send(listener(auth=auth), client(None), None, LIMIT)
    assert reply is not None
    assert reply.code == code
    assert words in reply.text


@pytest.mark.parametrize(("size", "code"), [(None, 0), (LIMIT, 0), (LIMIT + 1, 552)])
def test_a_known_device_may_send_what_is_not_too_large(size: int | None, code: int) -> None:
    """The announced size counts, to the octet."""
    reply = may_send(listener(), client(copier()), size, LIMIT)
    assert (reply.code if reply else 0) == code


@pytest.mark.parametrize(
    ("recipient", "taken", "code"),
    [
        ("bob@contoso.test", 0, 0),
        ("bob@contoso.test", 2, 452),
        ("bob@other.test", 0, 550),
        ("bob", 0, 550),
        ("@contoso.test", 0, 550),
        (NULL, 0, 501),
    ],
)
def test_a_device_may_write_to_those_it_is_allowed(recipient: str, taken: int, code: int) -> None:
    """And to so many at once."""
    reply = may_write_to(client(copier()), Address(recipient), taken, 2)
    assert (reply.code if reply else 0) == code


def test_nobody_unknown_writes_to_anybody() -> None:
    """Never an open relay, whatever came before."""
    reply = may_write_to(client(None), Address("bob@contoso.test"), 0, 10)
    assert reply is not None
    assert reply.permanent


def test_texts_fit_a_small_panel() -> None:
    """One line of ASCII."""
    replies: list[Reply | None] = [too_large(LIMIT), may_send(listener(), client(None), None, LIMIT)]
    for reply in replies:
        assert reply is not None
        assert str(reply).isascii()
        assert "\n" not in reply.text
        assert len(str(reply)) < 140
