"""What the options of the HTTP listener demand of each other, and what is worth knowing about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.config.loader import parse
from relay.config.remarks import remarks

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config.complaint import Complaint

    All = Callable[[str], list[Complaint]]

ENTRA = "entra: {app: contoso, operators: [ann@contoso.com]}"
HOME = "public_url: https://relay.contoso.com"


@pytest.mark.parametrize(
    ("http", "words"),
    [
        ("public_url: relay.contoso.com", "must be https://host"),
        ("public_url: https://relay.contoso.com/relay", "without a path"),
        ("public_url: https://ann@relay.contoso.com", "must be https://host"),
        (ENTRA, "http.public_url: is missing: Entra sends people back there"),
        (f"{ENTRA}, public_url: http://relay.contoso.com", "http.public_url: Entra sends people back to https alone"),
        (f"{ENTRA.replace('app: contoso', 'app: contso')}, {HOME}", "there is no app of that name"),
        ("proxy: {trusted: [10.0.0.300]}", "must be an IP address"),
        ("proxy: {trusted: []}", "http.proxy.trusted"),
        ('listen: "0.0.0.0:2525"', "listeners[0] has this port, for devices"),
        ('listen: "127.0.0.1:2525"', "listeners[0] has this port, for devices"),
    ],
)
def test_what_contradicts_itself_is_told_with_its_place(good: str, complaints: All, http: str, words: str) -> None:
    """All mistakes at once, as everywhere."""
    found = [str(item) for item in complaints(f"{good}\nhttp: {{{http}}}\n")]
    assert any(words in line for line in found), found


def test_the_default_address_is_no_devices_port(good: str, complaints: All) -> None:
    """Though nothing is written of it."""
    found = [str(item) for item in complaints(good.replace("0.0.0.0:2525", "0.0.0.0:8925"))]
    assert any("http.listen" in line for line in found), found


def test_an_app_without_a_credential_signs_nobody_in(good: str, complaints: All) -> None:
    """A web app proves itself; a public client can't."""
    public = good.replace("apps:", "apps:\n  people: {tenant: contoso.com, client_id: x}", 1)
    assert public != good
    entra = ENTRA.replace("app: contoso", "app: people")
    found = [str(item) for item in complaints(f"{public}\nhttp: {{{entra}, {HOME}}}\n")]
    assert any("AADSTS7000218" in line for line in found), found


def test_addresses_that_people_open_are_taken_as_they_are_typed(good: str) -> None:
    """The slash that browsers show, and capital letters, do no harm."""
    settings = parse(f"{good}\nhttp: {{{ENTRA}, public_url: 'https://Relay.contoso.com:8443/'}}\n")
    assert settings.http.public_url == "https://relay.contoso.com:8443"


@pytest.mark.parametrize(
    ("http", "words"),
    [
        ('listen: "0.0.0.0:8925"', "in clear"),
        ('listen: "relay.contoso.com:8925"', "in clear"),
        ('listen: "0.0.0.0:8925", tls: true', ""),
        (f'listen: "0.0.0.0:8925", {HOME}', ""),
        ('listen: "0.0.0.0:8925", dashboard: false', ""),
        ('listen: "[::1]:8925"', ""),
        ('listen: "localhost:8925"', ""),
        ("proxy: {trusted: [0.0.0.0/0]}", "everybody"),
        ('listen: ""', ""),
        ("", ""),
    ],
)
def test_passwords_that_anybody_on_the_network_reads_are_remarked(good: str, http: str, words: str) -> None:
    """Loopback, TLS and a proxy keep them; without a dashboard there are none."""
    settings = parse(f"{good}\nhttp: {{{http}}}\n")
    found = [one.what for one in remarks(settings, {}) if one.path[0] == "http"]
    assert len(found) == bool(words)
    assert all(words in what for what in found), found
