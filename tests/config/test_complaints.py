"""Each kind of mistake gives one line an administrator can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.config.loader import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config.complaint import Complaint

    One = Callable[[str, str], str]
    All = Callable[[str], list[Complaint]]

FORBIDDEN = "hunter2~Secret"

GUID = "11111111-2222-3333-4444-555555555555"


def test_an_unknown_option_is_named_with_the_nearest_right_one(complaint_of: One) -> None:
    """The place is the mistyped name; that the right one is missing is not a second mistake."""
    line = complaint_of("address: 10.0.2.17, profile", "address: 10.0.2.17, profil")
    assert line == "relay.yaml:8:32: devices.copier.profil: unknown option; did you mean 'profile'?"


def test_an_unknown_section_like_no_other_lists_what_there_is(complaint_of: One) -> None:
    """Without a near name the allowed ones are listed."""
    line = complaint_of("devices:", "xyzzy: {}\ndevices:")
    assert line.startswith("relay.yaml:7:1: xyzzy: unknown option; allowed: data_dir, hostname,")


def test_an_unknown_word_is_named_with_the_allowed_ones(complaint_of: One) -> None:
    """Found, allowed and nearest are all there."""
    line = complaint_of("from: mailbox", "from: malibox")
    assert line == (
        "relay.yaml:6:61: profiles.scans.from: is not one of the allowed values, found 'malibox'; "
        "allowed: keep, mailbox, person, send_as; did you mean 'mailbox'?"
    )


def test_a_missing_option_is_explained(complaint_of: One) -> None:
    """The place is the section it belongs into, the remedy its sentence of the manual and an example."""
    line = complaint_of(f"client_id: {GUID}, ", "")
    assert line.startswith("relay.yaml:4:3: apps.contoso.client_id: is missing; The application (client) id")
    assert "Example: 11111111-" in line


def test_the_name_an_option_has_in_the_code_is_not_its_name_in_the_file(complaint_of: One) -> None:
    """`from_policy` is an attribute, the option is `from`."""
    assert "profiles.scans.from_policy: unknown option" in complaint_of("from: mailbox", "from_policy: mailbox")


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ('"0.0.0.0:2525"', "0.0.0.0", "2:14: listeners[0].listen", "must be host:port"),
        ("devices:", "limits: {sessions: 4}\ndevices:", "7:20: limits.sessions", "must be less than or equal to 3"),
        (
            "devices:",
            "limits: {sessions: two}\ndevices:",
            "7:20: limits.sessions",
            "must be a whole number, found 'two'",
        ),
        ("devices:", "log: loud\ndevices:", "7:6: log", "must be a section"),
        (
            "from: mailbox",
            "pipelining: maybe",
            "6:67: profiles.scans.pipelining",
            "must be true or false, found 'maybe'",
        ),
        ('["*@contoso.com"]', '"*@contoso.com"', "8:60: devices.copier.recipients", "must be a list"),
        ('["*@contoso.com"]', "[]", "8:60: devices.copier.recipients", "needs at least one entry"),
        (
            '["*@contoso.com"]',
            "[contoso.com]",
            "8:60: devices.copier.recipients",
            "for a whole domain write *@contoso.com",
        ),
        ("10.0.2.17", "10.0.2", "8:21: devices.copier.address", "must be an IP address"),
        ("10.0.2.17", "10.0.2.17/24", "8:21: devices.copier.address", "or 10.0.2.0/24 for the whole network"),
        ("address: 10.0.2.17, ", "", "8:11: devices.copier", "needs address, login or both"),
        ("scanner@contoso.com", "scanner", "6:34: profiles.scans.mailbox", "is not in the right form, found 'scanner'"),
        (
            "tenant: contoso.onmicrosoft.com",
            "tenant: a b",
            "4:21: apps.contoso.tenant",
            "is neither a tenant's id (a GUID) nor a domain, found 'a b'",
        ),
        ("devices:", "tls: {certificate: {file: /c}}\ndevices:", "7:6: tls", "give both or none"),
        ("devices:", "delivery: {retry_s: [0]}\ndevices:", "7:22: delivery.retry_s[0]", "must be greater than 0"),
        ("devices:", "delivery: {retry_s: [.inf]}\ndevices:", "7:22: delivery.retry_s[0]", "must be a number"),
        ("  copier:", "  the copier:", "8:15: devices.the copier", "is not in the right form"),
        ("  copier:", "  the copier:", "8:15: devices.the copier", "letters, digits and _ . @ - and no space"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(
    complaint_of: One, old: str, new: str, place: str, words: str
) -> None:
    """Line, column, option, and words that tell what to write instead."""
    line = complaint_of(old, new)
    assert line.startswith(f"relay.yaml:{place}: ")
    assert words in line


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("app: contoso", "app: contso", "apps or"),
        ("10.0.2.17, profile: scans", "10.0.2.17, profile: scan", "did you mean 'scans'?"),
        ("devices:", "mailboxes: {scaner@contoso.com: {}}\ndevices:", "did you mean 'scanner@contoso.com'?"),
        ("devices:", "devices:\n  fax: {address: 10.0.2.17/32, profile: scans}", "device fax has the same address"),
        (
            "devices:",
            "devices:\n  fax: {login: {username: ERP, password: env:X}, profile: scans}",
            "device fax has the same user name, found 'erp'",
        ),
        (
            '"0.0.0.0:2525"}',
            '"0.0.0.0:2525"}\n  - {listen: "0.0.0.0:2525"}',
            "listeners[0] has the same address and port",
        ),
        ('"0.0.0.0:2525"', '"0.0.0.0:2525", auth: none', "devices.erp.login: no listener offers login"),
        ('"0.0.0.0:2525"', '"0.0.0.0:2525", auth: required', "devices.copier.address: every listener requires a login"),
    ],
)
def test_sections_that_contradict_each_other_are_told(complaint_of: One, old: str, new: str, words: str) -> None:
    """Names that lead nowhere, devices that cannot be told apart, devices that can never come in."""
    assert words.removesuffix(" or") in complaint_of(old, new)


def test_devices_behind_one_address_may_differ_by_login(good: str) -> None:
    """An application server may host several of them, one of which needs no login."""
    more = (
        "  a: {address: 10.0.2.17, login: {username: a, password: env:A}, profile: scans}\n"
        "  b: {address: 10.0.2.17, login: {username: b, password: env:B}, profile: scans}\n"
    )
    assert set(parse(good + more).devices) == {"copier", "erp", "a", "b"}


def test_every_mistake_is_told_at_once(complaints: All, good: str) -> None:
    """Mistakes of YAML, of options and between sections come together, in the order of the file."""
    text = (
        good.replace("app: contoso", "app: contso")
        .replace("10.0.2.17", "10.0.2.999")
        .replace("client_id", "clientid")
        .replace("devices:", "spoool: {}\nlog: {level: loud}\nlog: {}\ndevices:")
    )
    found = complaints(text)
    assert [item.option for item in found] == [
        "apps.contoso.clientid",
        "profiles.scans.app",
        "spoool",
        "log.level",
        "log",
        "devices.copier.address",
    ]
    assert [item.line for item in found] == sorted(item.line for item in found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1", "relay.yaml:1:6: not valid YAML"),
        ("a: b: c", "relay.yaml:1:5: not valid YAML"),
        ("a: *nobody", "relay.yaml:1:4: not valid YAML: found undefined alias"),
        ("a: 1\n---\nb: 2", "relay.yaml:2:1: not valid YAML"),
        ("- a", "must be a list of options"),
        ("just text", "must be a list of options"),
        ("a: &x [*x]", "aliases"),
        ('a: "\\UFFFFFFFF"', "not valid YAML"),
        ("a: b\x00", "relay.yaml:1:5: not valid YAML: a character"),
        ("[" * 5000, "nested too deeply"),
        ("a: \tx\n\tb: 1", "not valid YAML"),
    ],
)
def test_what_is_not_usable_yaml_is_told_in_one_line(complaints: All, text: str, words: str) -> None:
    """With the place where the reader stopped."""
    found = complaints(text)
    assert len(found) == 1
    assert words in str(found[0])
    assert "\n" not in str(found[0])


def test_aliases_cannot_fill_the_memory(complaints: All) -> None:
    """Ten lines that would expand to a billion values are refused at once."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "expand without end" in str(complaints("\n".join(lines))[0])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("copier:", "erp: {}\n  copier:", "devices.erp: given twice, first in line 8; join the two, or keep one"),
        ("devices:", "devices: {new: {address: 10.9.9.9}}\ndevices:", "given twice, first in line 7; join the two"),
        ("app: contoso", "app: !secret contoso", "tags (a leading !) are not supported"),
        ("devices:", "devices:\n  <<: {}", "merge keys (<<) are not supported"),
        ("devices:", "devices:\n  [a]: {}", "a name must be text"),
    ],
)
def test_yaml_that_may_mean_something_else_is_refused(
    complaints: All, good: str, old: str, new: str, words: str
) -> None:
    """Duplicate names, tags, merge keys and names that are not text."""
    assert any(words in str(item) for item in complaints(good.replace(old, new, 1)))


def test_names_and_words_are_text_whatever_yaml_makes_of_them(good: str) -> None:
    """`no`, `0123` and `12:30` are what they look like, and `yes` is true where true is meant."""
    text = good.replace("copier:", "no:").replace("username: erp", "username: 0123").replace(GUID, "12:30")
    settings = parse(text.replace("from: mailbox", "pipelining: yes, chunking: off"))
    assert "no" in settings.devices
    assert settings.devices["erp"].login is not None
    assert settings.devices["erp"].login.username == "0123"
    assert settings.apps["contoso"].client_id == "12:30"
    assert (settings.profiles["scans"].pipelining, settings.profiles["scans"].chunking) == (True, False)


def test_a_section_with_everything_commented_out_is_its_defaults(good: str) -> None:
    """`spool:` alone is no mistake."""
    assert parse(good + "spool:\n  #inline_max: 1\nmailboxes:\ntls: ~\n").spool.inline_max == 65_536


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{env: CONTOSO_SECRET}", FORBIDDEN),
        ("{env: CONTOSO_SECRET}", f'"{FORBIDDEN}"'),
        ("{env: CONTOSO_SECRET}", f"{{{FORBIDDEN}}}"),
        ("{env: CONTOSO_SECRET}", f"{{value: {FORBIDDEN}}}"),
        ("{env: CONTOSO_SECRET}", f"{{env: {FORBIDDEN}}}"),
        ("{env: CONTOSO_SECRET}", f"[{FORBIDDEN}]"),
        ("{env: CONTOSO_SECRET}", f"!{FORBIDDEN}"),
        ("{env: CONTOSO_SECRET}", f"*{FORBIDDEN}"),
        ("{env: CONTOSO_SECRET}", f"{{{FORBIDDEN}: x, {FORBIDDEN}: y}}"),
        ("{env: CONTOSO_SECRET}", f'"{FORBIDDEN}'),
        ("{env: CONTOSO_SECRET}", f"@{FORBIDDEN}"),
        ("{secret: {env: CONTOSO_SECRET}}", FORBIDDEN),
        ("{secret: {env: CONTOSO_SECRET}}", f"{{secrt: {FORBIDDEN}}}"),
        ("{username: erp, password: {env: ERP_PASSWORD}}", FORBIDDEN),
        ("username: erp, password: {env: ERP_PASSWORD}", f"username: erp, pass: {FORBIDDEN}"),
    ],
)
def test_a_secret_in_plain_is_refused_and_never_repeated(complaints: All, good: str, old: str, new: str) -> None:
    """However it was written, no complaint shows it in any form."""
    found = complaints(good.replace(old, new, 1))
    assert FORBIDDEN not in repr(found)
    assert FORBIDDEN not in "\n".join(map(str, found))


def test_a_plain_secret_is_refused_with_the_remedy(complaint_of: One) -> None:
    """The line shows the three ways to refer to it."""
    line = complaint_of("{env: CONTOSO_SECRET}", FORBIDDEN)
    assert (
        "a secret is never written here; name where it is kept: {env: NAME}, {file: /path} or {credential: NAME}"
        in line
    )


@pytest.mark.parametrize(
    "proxy", [f"http://ann:{FORBIDDEN}@pro xy:3128", f"ann:{FORBIDDEN}@proxy", f"ftp://ann:a/b@{FORBIDDEN}@proxy"]
)
def test_what_signs_in_inside_of_an_address_is_not_shown(complaint_of: One, proxy: str) -> None:
    """In the wrong form too: a complaint is in the log, and on a page for everybody who may look."""
    line = complaint_of("devices:", f'outgoing: {{https_proxy: "{proxy}"}}\ndevices:')
    assert "outgoing.https_proxy: is not in the right form, found '" in line
    assert FORBIDDEN not in line
