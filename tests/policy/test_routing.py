"""Which device is it: by address, by login, by both; the most specific network wins."""

from __future__ import annotations

from typing import Any

import pytest

from relay.config.settings import Device
from relay.message.address import Address
from relay.policy import routing
from relay.policy.routing import Directory

LOGIN = {"username": "erp", "password": {"env": "ERP_PASSWORD"}}


def directory(**devices: dict[str, Any]) -> Directory:
    return Directory(
        {name: Device.model_validate({"profile": "scans", **options}) for name, options in devices.items()}
    )


def name_at(where: Directory, client: str) -> str | None:
    known = where.by_address(client)
    return known.name if known else None


@pytest.mark.parametrize(
    ("client", "name"),
    [
        ("10.0.2.17", "copier"),
        ("::ffff:10.0.2.17", "copier"),
        ("10.0.2.18", "floor"),
        ("10.0.3.1", None),
        ("2001:db8::1", "six"),
        ("fe80::1%eth0", "link"),
        ("local", None),
        ("", None),
    ],
)
def test_the_most_specific_network_wins(client: str, name: str | None) -> None:
    """In any order of the configuration; IPv4 inside IPv6 is the IPv4 it stands for."""
    where = directory(
        floor={"address": "10.0.2.0/24"}, copier={"address": "10.0.2.17"}, six={"address": "2001:db8::/32"},
        link={"address": "fe80::1"},
    )  # fmt: skip
    assert name_at(where, client) == name


def test_many_addresses_change_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found is remembered, and forgotten when it is too much."""
    monkeypatch.setattr(routing, "_REMEMBERED", 10)
    where = directory(floor={"address": "10.0.2.0/24"}, copier={"address": "10.0.2.17"})
    for _ in range(2):
        found = [name_at(where, f"10.0.{net}.{host}") for net in (2, 3) for host in range(30)]
        assert found == [*["floor"] * 17, "copier", *["floor"] * 12, *[None] * 30]
    assert len(where._found) <= 10


def test_a_device_with_a_login_is_not_known_by_its_address_alone() -> None:
    """Both together are needed."""
    where = directory(erp={"address": "10.0.2.17", "login": LOGIN})
    assert where.by_address("10.0.2.17") is None
    assert where.by_login("erp", "10.0.2.17") is not None
    assert where.by_login("erp", "10.0.2.18") is None
    assert where.by_login("erp", "local") is None
    assert where.by_login("other", "10.0.2.17") is None


def test_a_login_without_address_is_good_from_anywhere() -> None:
    """It says who it is."""
    assert directory(erp={"login": LOGIN}).by_login("erp", "203.0.113.9") is not None


@pytest.mark.parametrize(
    ("patterns", "recipient", "allowed"),
    [
        (("*@contoso.test",), "Bob@CONTOSO.test", True),
        (("*@Contoso.Test",), "bob@contoso.test", True),
        (("*@contoso.test",), "bob@contoso.test.evil", False),
        (("*@contoso.test",), "bob@evil.test\n@contoso.test", False),
        (("*@contoso.test",), "bob%evil.test@contoso.test", False),
        (("*@contoso.test",), "evil.test!bob@contoso.test", False),
        (("*@contoso.test",), '"bob@evil.test"@contoso.test', False),
        (("*",), "bob%evil.test@contoso.test", True),
        (("a@x.test", "b@x.test"), "b@x.test", True),
        (("a@x.test", "b@x.test"), "c@x.test", False),
        (("a@x.test",), "ba@x.test", False),
        (("*",), "anybody@anywhere", True),
    ],
)
def test_recipients_are_matched_whole_and_without_case(
    patterns: tuple[str, ...], recipient: str, allowed: bool
) -> None:
    """A pattern covers an address from end to end."""
    known = directory(copier={"address": "10.0.2.17", "recipients": patterns}).by_address("10.0.2.17")
    assert known is not None
    assert known.may_write_to(Address(recipient)) is allowed
