"""A configuration option by option: what is shown, who said it, and what differs from another."""

from __future__ import annotations

import json

import pytest
import yaml

from relay.config.changes import Change, Kind, changes, needs_restart
from relay.config.complaint import MASK
from relay.config.example import EXAMPLE, example
from relay.config.leaves import Origin, leaves, nested
from relay.config.loader import parse
from relay.config.password import hashed
from relay.config.printed import value_text, yaml_text

LINE = hashed("open sesame")


def parsed(**sections):
    """The example with these sections in place of its own."""
    return parse(yaml.safe_dump(EXAMPLE | sections, sort_keys=False))


def shown(settings):
    """By option, what is shown and where it comes from."""
    return {leaf.name: (leaf.shown, leaf.origin) for leaf in leaves(settings)}


def test_the_printed_file_says_the_same_as_the_settings():
    """Read again, with every default written out and nothing lost, whatever a name or a value holds."""
    odd = {
        "no": {"address": "10.0.9.0/24", "profile": "scans", "recipients": ["a b@x.test", '"q"@x.test', "# @x.test"]},
        "null": {"login": {"username": "~", "password": "ignored"}, "address": "10.0.8.1", "profile": "scans"},
        "fax": {"login": {"username": "a: b #c", "password_hash": LINE}, "profile": "scans", "owner": "o'x@x.test"},
    }  # fmt: skip
    sections = {
        "devices": odd,
        "defaults": {"tls": "required"},
        "mailboxes": {"scanner@contoso.com": {"sessions": 3}},
        "notifications": {"channels": [{"url": {"file": "/a b"}}, {"url": {"env": "U"}, "about": ["disk_low"]}]},
        "listeners": [{"listen": "0.0.0.0:25", "tls": "optional"}, {"listen": "[::]:465", "tls": "implicit"}],
        "spool": {"encryption": {"key": {"env": "K"}, "old_keys": [{"file": "/old"}]}},
        "http": {"proxy": {"trusted": ["10.0.0.7"]}},
    }
    settings = parsed(**sections)
    assert parse(yaml_text(leaves(settings)).replace(f'"{MASK}"', f'"{LINE}"')) == settings
    assert parse(yaml_text(leaves(parse(example())))) == parse(example())


def test_every_option_says_whether_it_was_set():
    """In the file, under `defaults`, or nowhere; what a mailbox does not set follows limits and is not told."""
    settings = parsed(
        defaults={"owner": "it@contoso.com", "tls": "required"},
        devices={"fax": {"address": "10.0.0.9", "profile": "scans", "tls": "optional"}},
        mailboxes={"scanner@contoso.com": {"sessions": 3}},
    )
    found = shown(settings)
    assert found["devices.fax.address"] == ("10.0.0.9", Origin.SET)
    assert found["devices.fax.owner"] == ("it@contoso.com", Origin.INHERITED)
    assert found["devices.fax.tls"] == ("optional", Origin.SET)
    assert found["devices.fax.answer"] == ("stored", Origin.DEFAULT)
    assert [name for name in found if name.startswith("mailboxes.")] == ["mailboxes.scanner@contoso.com.sessions"]


def test_no_secret_is_shown():
    """Where it is kept is; a password hash and what signs in at a proxy are not, in no form."""
    settings = parsed(
        devices={"fax": {"login": {"username": "fax", "password_hash": LINE}, "profile": "scans"}},
        outgoing={"https_proxy": "http://relay:hunter2@proxy.test:3128"},
    )
    found = leaves(settings)
    told = json.dumps(nested(found)) + yaml_text(found) + repr(found)
    assert LINE not in told
    assert "hunter2" not in told
    assert shown(settings)["outgoing.https_proxy"][0] == f"http://{MASK}@proxy.test:3128"
    assert nested(found)["apps"]["contoso"]["credential"]["secret"] == "env:CONTOSO_SECRET"


def test_sections_and_lists_have_their_shape():
    """As JSON: numbers are numbers, listeners are a list."""
    tree = nested(leaves(parsed()))
    assert tree["listeners"][0]["listen"] == "0.0.0.0:2525"
    assert tree["limits"]["sessions"] == 2
    assert tree["devices"]["copier-2nd-floor"]["recipients"] == ["*@contoso.com"]


def test_what_differs_is_told_by_option():
    """A new device by what is set of it, a section that is gone, and one value in place of another."""
    new = parsed(
        devices={"fax": {"address": "10.0.0.9", "profile": "scans"}, "erp": EXAMPLE["devices"]["erp"]},
        limits={"sessions": 1},
    )
    assert changes(parsed(), new) == [
        Change("devices.fax.address", Kind.ADDED, None, "10.0.0.9", restart=False),
        Change("devices.fax.profile", Kind.ADDED, None, "scans", restart=False),
        Change("limits.sessions", Kind.CHANGED, 2, 1, restart=False),
        Change("devices.copier-2nd-floor.address", Kind.REMOVED, "10.0.2.17", None, restart=False),
        Change("devices.copier-2nd-floor.profile", Kind.REMOVED, "scans", None, restart=False),
        Change("devices.copier-2nd-floor.recipients", Kind.REMOVED, ["*@contoso.com"], None, restart=False),
    ]
    assert changes(new, new) == []


def test_another_password_differs_and_stays_hidden():
    """The hash is compared, not shown."""
    one, other = (
        parsed(devices={"fax": {"login": {"username": "fax", "password_hash": line}, "profile": "scans"}})
        for line in (LINE, hashed("close sesame"))
    )
    (change,) = changes(one, other)
    assert (change.option, change.old, change.new) == ("devices.fax.login.password_hash", MASK, MASK)


@pytest.mark.parametrize(
    ("section", "needed"),
    [
        ({"hostname": "mail.contoso.com"}, ["hostname"]),
        ({"spool": {"max_bytes": 1}, "log": {"level": "debug"}}, ["spool", "log"]),
        ({"limits": {"sessions": 1}}, []),
    ],
)
def test_what_waits_for_a_restart(section, needed):
    """The sections that are taken up at the start alone."""
    assert needs_restart(parsed(), parsed(**section)) == needed
    assert any(change.restart for change in changes(parsed(), parsed(**section))) is bool(needed)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), ("", '""'), (True, "true"), (1.5, "1.5"), ("a: b", '"a: b"'), (["*", "<>"], '["*", "<>"]')],
)
def test_a_value_is_written_as_the_file_would_have_it(value, text):
    """Quoted where YAML would read something else."""
    assert value_text(value) == text
