"""Devices: what they inherit, how they log in, and which of them could be taken for one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.config.loader import check, parse
from relay.config.password import hashed, matches
from relay.config.settings import Answer, FromPolicy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from relay.config.complaint import Complaint

    One = Callable[[str, str], str]

ERP = "{env: ERP_PASSWORD}"
EVERYWHERE = "{address: 0.0.0.0/0, login: {username: erp, password: ignored}"
DEFAULTS = (
    'defaults: {profile: scans, recipients: ["*@contoso.com"], owner: it@contoso.com, answer: delivered}\ndevices:'
)


def test_a_device_has_what_it_does_not_set_itself_from_the_defaults(good: str) -> None:
    """Its own options win, and an empty one is not one."""
    text = good.replace("devices:", DEFAULTS).replace("ERP_PASSWORD}}, profile: scans", "ERP_PASSWORD}}, owner: ")
    copier, erp = parse(text).devices.values()
    assert copier.recipients == erp.recipients == ("*@contoso.com",)
    assert (erp.profile, erp.owner, erp.answer) == ("scans", "it@contoso.com", Answer.DELIVERED)
    own = parse(text.replace("address: 10.0.2.17", "address: 10.0.2.17, answer: stored, from: keep")).devices["copier"]
    assert (own.answer, own.from_policy) == (Answer.STORED, FromPolicy.KEEP)


def test_a_mistake_under_defaults_is_told_once_and_there(complaint_of: One) -> None:
    """Not once for every device that inherits it."""
    line = complaint_of("devices:", "defaults: {answer: deliverd}\ndevices:")
    assert line.startswith("relay.yaml:7:20: defaults.answer: is not one of the allowed values, found 'deliverd'")
    line = complaint_of("devices:", "defaults: {profile: scan}\ndevices:")
    assert line.startswith("relay.yaml:7:21: defaults.profile: there is no profile of that name")


def test_a_device_without_profile_anywhere_is_told_so(complaint_of: One) -> None:
    """Required is required, if not here then under defaults."""
    assert "devices.copier.profile: is missing" in complaint_of("profile: scans, recipients", "recipients")


@pytest.mark.parametrize("name", ["address", "login"])
def test_who_a_device_is_can_not_be_a_default(complaint_of: One, name: str) -> None:
    """All devices would be the same one."""
    assert f"defaults.{name}: unknown option" in complaint_of("devices:", f"defaults: {{{name}: x}}\ndevices:")


def test_any_password_needs_an_address_beside_it(good: str, complaint_of: One) -> None:
    """Else whoever names the user is in."""
    assert "password: ignored lets anybody in" in complaint_of(ERP, "ignored")
    assert "needs an address" in complaint_of(f"{{login: {{username: erp, password: {ERP}}}", EVERYWHERE)
    device = parse(good.replace("erp: {", "erp: {address: 10.0.2.18, ").replace(ERP, "ignored")).devices["erp"]
    assert device.login is not None
    assert device.login.any_password


def test_the_check_does_not_look_for_a_password_that_is_ignored(
    good: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is none to be read."""
    monkeypatch.setenv("CONTOSO_SECRET", "x")
    path = tmp_path / "relay.yaml"
    path.write_text(good.replace("erp: {", "erp: {address: 10.0.2.18, ").replace(ERP, "ignored"))
    assert check(path) == []


@pytest.mark.parametrize(
    ("login", "words"),
    [
        ("{username: erp}", "either password or password_hash"),
        ("{username: erp, password: {env: A}, password_hash: HASH}", "either password or password_hash"),
        ("{username: erp, password_hash: hunter2secret}", "is not in the right form"),
        ("{username: erp, password_hash: scrypt$16385$8$1$c2FsdHNhbHRzYWx0$a2V5a2V5a2V5a2V5a2V5a2V5}", "can't be used"),
        ("{username: erp, password_hash: scrypt$1048576$8$1$c2FsdHNhbHRzYWx0$a2V5a2V5a2V5a2V5a2V5a2V5}", "can't be"),
        ("{username: erp, password: hunter2secret}", "a secret is never written here"),
    ],
)
def test_a_login_that_can_not_be_checked_is_refused_and_never_shown(
    good: str, complaints: Callable[[str], list[Complaint]], login: str, words: str
) -> None:
    """A password written in the place of its hash is a secret too."""
    text = good.replace("{username: erp, password: {env: ERP_PASSWORD}}", login.replace("HASH", hashed("x")))
    told = "\n".join(map(str, complaints(text)))
    assert words in told
    assert "hunter2secret" not in told


def test_the_printed_line_is_a_login_of_the_configuration(good: str) -> None:
    """As `relay device password` prints it."""
    line = hashed("geheim ü")
    login = parse(good.replace("password: {env: ERP_PASSWORD}", f'password_hash: "{line}"')).devices["erp"].login
    assert login is not None
    assert login.password_hash == line
    assert matches(line, "geheim ü")
    assert not matches(line, "geheim")


def test_the_same_password_gives_another_line_each_time() -> None:
    """The salt is random, so that equal passwords do not show."""
    assert hashed("x") != hashed("x")
    assert hashed("x", b"s" * 16) == hashed("x", b"s" * 16)


def test_one_user_name_may_serve_devices_that_their_addresses_tell_apart(good: str, complaint_of: One) -> None:
    """The same name and the same address could be either."""
    other = "  erp2: {address: 10.0.2.9, login: {username: erp, password: {env: B}}, profile: scans}\n"
    assert len(parse(good + other).devices) == 3
    same = other.replace("erp2", "erp3").replace("10.0.2.9", '"::ffff:10.0.2.9"')
    line = complaint_of("  erp: {", f"{other}{same}  erp: {{")
    assert "devices.erp3.login.username: device erp2 has the same user name and the same address" in line


def test_the_empty_sender_is_a_sender_and_a_word_is_none(good: str, complaint_of: One) -> None:
    """`senders` are patterns of addresses, as recipients are."""
    copier = parse(good.replace("recipients:", 'senders: ["<>", "*@x.test"], recipients:')).devices["copier"]
    assert copier.senders == ("<>", "*@x.test")
    assert "for a whole domain write *@x.test" in complaint_of("recipients:", "senders: [x.test], recipients:")
