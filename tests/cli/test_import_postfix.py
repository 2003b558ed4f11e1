"""What Postfix would not have relayed is not relayed after `relay import postfix`, and no password is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.control.imports.found import Found, Given, configuration
from relay.control.imports.postfix import postfix

if TYPE_CHECKING:
    from collections.abc import Mapping


def imported(main: str, master: str = "", tables: Mapping[str, str] | None = None) -> Found:
    return postfix(main, master, (tables or {}).get)


def addresses(found: Found) -> list[str]:
    """Of the devices that may write to somebody."""
    return [device["address"] for device in found.devices.values() if "recipients" not in device]


def told(found: Found) -> str:
    return "\n".join(map(str, found.left))


@pytest.mark.parametrize("item", ["0.0.0.0/1", "128.0.0.0/1", "::/1", "[2000::]/3", "::ffff:0:0/96", "64.0.0.0/2"])
def test_half_the_world_is_no_device(item: str) -> None:
    """Two halves make an open relay as well as the whole."""
    table = {"/networks": f"{item} x\n"}
    for found in (imported(f"mynetworks = {item}"), imported("mynetworks = cidr:/networks", tables=table)):
        assert addresses(found) == []
        assert "everybody" in told(found) or "no address or network" in told(found)


@pytest.mark.parametrize("name", ["smtpd_client_restrictions", "smtpd_recipient_restrictions"])
def test_who_might_connect_might_not_relay(name: str) -> None:
    """OK in a list of its own spares a client the blocklists; relaying is granted by smtpd_relay_restrictions."""
    main = "mynetworks = 10.0.2.0/24\nsmtpd_relay_restrictions = permit_mynetworks, reject\n"
    main += f"{name} = check_client_access hash:/ok"
    found = imported(main, tables={"/ok": "203.0.113.7 OK\n"})
    assert addresses(found) == ["10.0.2.0/24"]
    assert "203.0.113.7 might connect, not relay" in told(found)


def test_before_postfix_2_10_recipient_restrictions_let_relay() -> None:
    """Where there are no relay restrictions, the recipients' decide."""
    found = imported("smtpd_recipient_restrictions = check_client_access hash:/ok", tables={"/ok": "10.0.9 OK\n"})
    assert addresses(found) == ["10.0.9.0/24"]


@pytest.mark.parametrize("action", ["REJECT spam", "554 no", "DEFER", "DISCARD"])
def test_who_was_refused_inside_a_network_stays_refused(action: str) -> None:
    """The network around it is a device, so it becomes one that may write to nobody; unless its network came first."""
    main = "mynetworks = 10.0.2.0/24\nsmtpd_client_restrictions = check_client_access hash:/t, permit_mynetworks"
    found = imported(main, tables={"/t": f"10.0.2.66 {action}\n10.0.3.66 {action}\n"})
    assert addresses(found) == ["10.0.2.0/24"]
    assert [name for name in found.devices if name.startswith("kept-out")] == ["kept-out-host-10.0.2.66"]
    later = main.replace(
        "check_client_access hash:/t, permit_mynetworks", "permit_mynetworks, check_client_access hash:/t"
    )
    assert len(imported(later, tables={"/t": f"10.0.2.66 {action}\n"}).devices) == 1


@pytest.mark.parametrize("items", ["!10.0.0.0/8 10.0.2.5", "!0.0.0.0/0, 10.0.2.0/24", "![::]/0 fd00::/8"])
def test_the_first_match_of_mynetworks_counts(items: str) -> None:
    """What comes behind its exclusion was never let in."""
    found = imported(f"mynetworks = {items}")
    assert addresses(found) == []
    assert "behind its exclusion" in told(found)


@pytest.mark.parametrize(
    "reference",
    [
        "inline:{[smtp.office365.com]:587=scan@contoso.com:hunter2}", "inline:{ {x@y.de = z:hunter2} }",
        "static:{scan@contoso.com:hunter2}", "static:scan@contoso.com:hunter2", "{x:hunter2}", "x:hunter2", "hunter2",
        "pcre:{/x/ hunter2}",
    ],
)  # fmt: skip
def test_a_password_inside_main_cf_is_not_told(reference: str) -> None:
    """Postfix takes tables in braces; what can't be read of them is told without what stands in them."""
    found = imported(f"relayhost = [smtp.office365.com]:587\nsmtp_sasl_password_maps = {reference}")
    assert "hunter2" not in told(found) + configuration(found, Given())


def test_a_table_in_braces_is_read() -> None:
    """Its user is the mailbox."""
    found = imported("relayhost = [h]:587\nsmtp_sasl_password_maps = inline:{[h]:587=scan@contoso.com:pw, x=y}")
    assert found.profiles == {"scan": {"mailbox": "scan@contoso.com"}}


def test_a_listener_behind_postscreen_is_one() -> None:
    """As Zimbra has it; what is set for one service alone is told."""
    master = """\
smtp inet n - n - 1 postscreen
smtpd pass - - n - - smtpd
submission inet n - n - - smtpd
  -o smtpd_sasl_auth_enable=yes
  -o content_filter=scan:[127.0.0.1]:10030
"""
    found = imported("myhostname = mail.contoso.com", master)
    assert [one["listen"] for one in found.listeners] == ["0.0.0.0:25", "0.0.0.0:587"]
    assert "master.cf:3 submission: -o content_filter: set for this service alone" in told(found)


def test_a_value_that_names_itself_ends() -> None:
    """Again and again it would be four to the power of the depth."""
    assert addresses(imported("a = ${a}${a}${a}${a}\nmynetworks = $a 10.0.2.5")) == ["10.0.2.5"]
