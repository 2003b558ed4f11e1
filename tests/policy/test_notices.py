"""Who is told that mail failed, and who never is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.config.loader import parse
from relay.message.address import Address
from relay.policy.notices import SILENT, Owed, addressees, author_of, due_at

if TYPE_CHECKING:
    from relay.config.settings import Settings

MAILBOXES = frozenset({"office@contoso.com"})


def author(header: str, sender: str = "mfp@device.lan", device: str = "copier") -> str:
    section = "".join(f"{line}\r\n" for line in header.split("\n") if line).encode()
    return author_of(section, Address(sender), device=device, mailboxes=MAILBOXES)


def configured(notices: str = "", *, owner: str = "owner@contoso.com", senders: str = "['*']") -> Settings:
    return parse(f"""
listeners: [{{listen: "127.0.0.1:0"}}]
apps:
  contoso: {{tenant: contoso.onmicrosoft.com, client_id: abc, credential: {{secret: {{env: CONTOSO_SECRET}}}}}}
profiles:
  scans: {{app: contoso, mailbox: office@contoso.com, senders: {senders}}}
devices:
  copier: {{address: 10.0.0.1, profile: scans, owner: {owner or "null"}}}
notices: {{{notices}}}
""")


def told(settings: Settings, who: str = "ann@contoso.com", *, what: str = "failed") -> tuple[str, ...]:
    return addressees(Owed(what, who, "copier", "scans"), settings).addresses


def reason(settings: Settings, who: str) -> str:
    found = addressees(Owed("failed", who, "copier", "scans"), settings)
    assert found.addresses == ()
    return found.reason


@pytest.mark.parametrize(
    ("header", "sender", "person"),
    [
        ("From: Ann <ann@contoso.com>", "mfp@device.lan", "ann@contoso.com"),
        ("From: mfp@contoso.com\nReply-To: ann@contoso.com", "mfp@contoso.com", "ann@contoso.com"),
        ("From: ann@contoso.com\nReply-To: bob@contoso.com", "x@y.de", "bob@contoso.com"),
        ("From: scanner@contoso.com", "ann@contoso.com", "ann@contoso.com"),
        ("From: office@contoso.com", "ann@contoso.com", "ann@contoso.com"),
        ("", "ann@contoso.com", "ann@contoso.com"),
        ("From: copier", "copier", ""),
        ("From: scanner@contoso.com", "mfp@device.lan", "scanner@contoso.com"),
    ],
)
def test_the_person_is_who_the_device_names(header: str, sender: str, person: str):
    """A Reply-To before a From before the reverse-path, and a person before a machine in each."""
    assert author(header, sender) == person


@pytest.mark.parametrize(
    ("header", "sender"),
    [
        ("From: ann@contoso.com", ""),
        ("From: ann@contoso.com\nAuto-Submitted: auto-generated", "ann@contoso.com"),
        ("From: ann@contoso.com\nAuto-Submitted: Auto-Replied; owner=x", "ann@contoso.com"),
        ("From: noreply@contoso.com\nPrecedence: Bulk", "noreply@contoso.com"),
    ],
)
def test_nobody_waits_for_an_answer_to_what_a_machine_says(header: str, sender: str):
    """The null reverse-path, Auto-Submitted, and mass mail that no person stands behind."""
    assert author(header, sender) == SILENT
    assert "null reverse-path" in reason(configured("admin: it@contoso.com"), SILENT)


@pytest.mark.parametrize("header", ["Auto-Submitted: no", "Auto-Submitted: no (a person)", "Precedence: bulk", "X: y"])
def test_a_person_is_a_person_whatever_else_is_written(header: str):
    """Auto-Submitted: no says it outright; a newsletter with a person behind it is that person's."""
    assert author(f"From: ann@contoso.com\n{header}") == "ann@contoso.com"


@pytest.mark.parametrize(
    "address",
    [
        "scanner@contoso.com", "scan-to-mail@contoso.com", "mfp3@contoso.com", "hr-copier2@contoso.com",
        "no-reply@contoso.com", "DoNotReply@contoso.com", "fax.2nd-floor@contoso.com", "printer_5@contoso.com",
        "COPIER@contoso.com", "office@contoso.com", "Office@Contoso.com", "ann@printserver.local", "ann@host.lan",
        "ann@copier", "noreply-hr@contoso.com", "jörg@contoso.com", "copier", "",
    ],
)  # fmt: skip
def test_a_machine_is_never_written_to(address: str):
    """By its name, by the device's own, by a domain nobody reaches, or because it is a mailbox of the relay."""
    assert told(configured(), address) == ("owner@contoso.com",)


@pytest.mark.parametrize("address", ["carol.scanlon@contoso.com", "mark.prince@contoso.com", "t.faxon@contoso.com"])
def test_people_with_such_names_are_people(address: str):
    """Only whole words make a machine."""
    assert told(configured(), address)[0] == address


def test_everybody_is_told_once():
    """In the order of the configuration; two spellings are one address."""
    settings = configured("failed: [sender, owner, admin], admin: ANN@contoso.com")

    assert told(settings) == ("ann@contoso.com", "owner@contoso.com")


def test_each_kind_has_its_own_list():
    """By default an owner hears of failures alone."""
    assert told(configured()) == ("ann@contoso.com", "owner@contoso.com")
    assert told(configured(), what="delayed") == ("ann@contoso.com",)
    assert told(configured("delayed: []"), what="delayed") == ()


def test_the_administrator_is_told_where_nobody_else_can_be():
    """A printer without an owner; and whoever looks at the journal learns why nobody was told."""
    assert told(configured("admin: it@contoso.com", owner=""), "mfp@contoso.com") == ("it@contoso.com",)
    assert reason(configured(owner=""), "mfp@contoso.com") == (
        "mfp@contoso.com is the address of a machine; device copier has no owner; notices.admin is not set"
    )


def test_what_the_operator_named_is_not_doubted_for_its_name_but_never_ours():
    """An owner may be called printers@; a mailbox that the relay signs in to is no owner."""
    assert told(configured(owner="printers@contoso.com"), "") == ("printers@contoso.com",)
    assert "office@contoso.com is a mailbox" in reason(configured(owner="office@contoso.com"), "")


def test_never_is_never():
    """For the sender, the owner and the administrator alike."""
    settings = configured("never: ['*@contoso.com'], admin: it@contoso.com")

    assert "ann@contoso.com is among notices.never" in reason(settings, "ann@contoso.com")


def test_whom_a_device_may_not_name_is_not_written_to():
    """A name that the rules refuse as sender could be anybody's."""
    settings = configured(senders="['*@contoso.com']")

    assert told(settings, "somebody@example.com") == ("owner@contoso.com",)
    assert told(settings, "Ann@contoso.com") == ("Ann@contoso.com", "owner@contoso.com")


def test_the_first_is_told_soon_and_the_next_ten_times_as_late():
    """Of one cause; after that it is a new cause."""
    assert due_at(1_000, None, 60) == 1_060
    assert due_at(1_100, 1_060, 60) == 1_660
    assert due_at(1_660, 1_060, 60) == 1_720
