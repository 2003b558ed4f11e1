"""The From policy on raw headers: exactly what the table says, and nothing else touched."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config.settings import FromPolicy, Profile
from relay.message.address import NULL, Address
from relay.policy.sender import Rewritten, rewrite

MAILBOX = "scanner@contoso.test"
PROFILE = Profile.model_validate(
    {"app": "contoso", "mailbox": MAILBOX, "send_as": {"address": "desk@contoso.test", "name": "Help Desk"}}
)
DEVICE = Address("copier@10.0.2.17")
OTHER = b"Subject: scan\r\nX-Fold: a\r\n\tb\r\nTo: c@contoso.test\r\n"


def sent(head: bytes, policy: FromPolicy, reverse_path: Address = DEVICE) -> Rewritten:
    return rewrite(head, reverse_path, policy=policy, profile=PROFILE)


def fields(section: bytes) -> list[bytes]:
    """The fields of a section, folds included."""
    return re.findall(rb"[^\n]*\n(?:[ \t][^\n]*\n)*", section)


def name_of(field: bytes) -> bytes:
    return field.partition(b":")[0].strip(b" \t").lower()


def test_keep_changes_nothing() -> None:
    """Not in the envelope, not in the header."""
    head = b"From: Bob <bob@contoso.test>\r\nSender: x@y.test\r\n" + OTHER
    assert sent(head, FromPolicy.KEEP, Address("bob@contoso.test")) == Rewritten(head, Address("bob@contoso.test"), ())


@pytest.mark.parametrize(
    ("reverse_path", "who"),
    [(Address("bob@x.test"), b"bob@x.test"), (NULL, MAILBOX.encode()), (Address("root"), MAILBOX.encode())],
)
def test_keep_adds_a_missing_from_and_needs_a_complete_sender(reverse_path: Address, who: bytes) -> None:
    """The device's if it is an address, else the mailbox; Exchange refuses mail without either."""
    found = sent(OTHER, FromPolicy.KEEP, reverse_path)
    assert found == Rewritten(b"From: <" + who + b">\r\n" + OTHER, Address(who.decode()), ("from-added",))


def test_mailbox_replaces_and_answers_go_to_the_person() -> None:
    """The old one is kept beside it."""
    found = sent(b"From: Bob <bob@contoso.test>\r\n" + OTHER, FromPolicy.MAILBOX)
    assert found.section == (
        b"From: <scanner@contoso.test>\r\nReply-To: <bob@contoso.test>\r\nX-Original-From: Bob <bob@contoso.test>\r\n"
        + OTHER
    )
    assert found.sender == MAILBOX
    assert found.changes == ("from-replaced", "reply-to-added")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"Bob <b@x.test>", b'"Bob" '),
        (b'"Bob \\"B\\" \\\\" <b@x.test>', b'"Bob \\"B\\" \\\\" '),
        (b"=?utf-8?Q?J=C3=B6rg?=\r\n =?utf-8?Q?_M.?= <b@x.test>", b"=?utf-8?Q?J=C3=B6rg?= =?utf-8?Q?_M.?= "),
        (b"Dr =?utf-8?B?SsO2cmc=?= <b@x.test>", b"Dr =?utf-8?B?SsO2cmc=?= "),
        ("à la carte <b@x.test>".encode(), '"à la carte" '.encode()),
        (b"b@x.test", b'"b@x.test" '),
        (b"<b@x.test>", b'"b@x.test" '),
        (b"x" * 900 + b" <b@x.test>", b'"b@x.test" '),
    ],
)  # fmt: skip
def test_person_shows_the_name_with_the_mailbox(written: bytes, shown: bytes) -> None:
    """Encoded words stay encoded words, octets stay octets, no line becomes too long."""
    found = sent(b"From: " + written + b"\r\n", FromPolicy.PERSON)
    assert found.section.startswith(b"From: " + shown + b"<scanner@contoso.test>\r\nReply-To: <b@x.test>\r\n")


@pytest.mark.parametrize(
    "written",
    [
        '"=?utf-8?q?evil<boss@contoso.test>?=" <b@x.test>',
        '"=?utf-8?q?a?=,<boss@contoso.test>" <b@x.test>',
        'x" <boss@contoso.test>, "y <b@x.test>',
    ],
)
def test_a_name_cannot_smuggle_another_author(written: str) -> None:
    """What looks like an encoded word but holds brackets is quoted."""
    found = sent(f"From: {written}\r\n".encode(), FromPolicy.PERSON)
    assert parseaddr(message_from_bytes(found.section)["From"])[1] == MAILBOX


@pytest.mark.parametrize(
    "written", [b"Scanner@Contoso.test", b'"Scan" <scanner@contoso.test>', b"x <SCANNER@contoso.test> (c)"]
)
@pytest.mark.parametrize("policy", [FromPolicy.MAILBOX, FromPolicy.PERSON])
def test_a_from_that_is_the_mailbox_stays(written: bytes, policy: FromPolicy) -> None:
    """With its name."""
    head = b"From: " + written + b"\r\n" + OTHER
    assert sent(head, policy) == Rewritten(head, Address(MAILBOX), ())


def test_the_mailbox_beside_another_author_is_not_the_mailbox() -> None:
    """Exchange would ask for the right to send as the other one."""
    found = sent(b"From: scanner@contoso.test, boss@contoso.test\r\n", FromPolicy.MAILBOX)
    assert fields(found.section)[0] == b"From: <scanner@contoso.test>\r\n"


def test_what_the_device_wrote_into_reply_to_stays() -> None:
    """It knows better."""
    head = b"From: a@x.test\r\nreply-to: desk@contoso.test\r\n"
    found = sent(head, FromPolicy.MAILBOX)
    assert [name_of(field) for field in fields(found.section)] == [b"from", b"x-original-from", b"reply-to"]


@pytest.mark.parametrize("author", [b"", b"root", b"copier@localhost", b"<>", b"a b@x.test", b"x" * 400 + b"@x.test"])
def test_nobody_is_asked_to_answer_to_an_address_that_is_none(author: bytes) -> None:
    """A device's default is no Reply-To."""
    assert b"Reply-To" not in sent(b"From: " + author + b"\r\n", FromPolicy.MAILBOX).section


def test_further_authors_and_senders_are_set_aside() -> None:
    """Exchange checks them all."""
    head = b"From: a@x.test\r\nSender: b@x.test\r\nFrom: c@x.test\r\n"
    found = sent(head, FromPolicy.MAILBOX)
    assert [name_of(field) for field in fields(found.section)] == [
        b"from", b"reply-to", b"x-original-from", b"x-original-sender", b"x-duplicate-from",
    ]  # fmt: skip


def test_a_fold_in_front_does_not_join_the_from_we_add() -> None:
    """A device that indents its first line."""
    assert sent(b" Subject: x\r\n\r\n", FromPolicy.MAILBOX).section == b"From: <scanner@contoso.test>\r\nSubject: x\r\n"


LINE = st.binary(max_size=40).map(lambda raw: raw.translate(None, b"\r\n"))
BODY = st.lists(LINE, min_size=1, max_size=3).map(b"\r\n ".join)
NAME = st.sampled_from([b"From", b"FROM ", b"from", b"Sender", b"Reply-To", b"Subject", b"X-From", b"Received"])
FIELD = st.builds(lambda name, body: name + b":" + body + b"\r\n", NAME, BODY)
AUTHOR = st.sampled_from(
    [b" Bob <b@x.test>", b' "a, b" <c@y.test>', b" =?utf-8?q?=41?= <d@x.test>", b" scanner@contoso.test", b" <", b' "']
)
HEAD = st.lists(st.one_of(FIELD, AUTHOR.map(lambda author: b"From:" + author + b"\r\n")), max_size=6).map(b"".join)
TOUCHED = {b"from", b"sender", b"reply-to", b"x-original-from", b"x-original-sender", b"x-duplicate-from"}


@given(HEAD, st.sampled_from(FromPolicy), st.sampled_from([NULL, DEVICE, Address("b@x.test")]))
def test_no_policy_touches_any_other_field(head: bytes, policy: FromPolicy, reverse_path: Address) -> None:
    """All fields of other names come out in their order, octet by octet."""
    found = sent(head, policy, reverse_path)
    assert [f for f in fields(found.section) if name_of(f) not in TOUCHED] == [
        f for f in fields(head) if name_of(f) not in TOUCHED
    ]


@given(HEAD, st.sampled_from([FromPolicy.MAILBOX, FromPolicy.PERSON]))
def test_exactly_one_author_is_left_and_it_is_the_mailbox(head: bytes, policy: FromPolicy) -> None:
    """Whatever the device wrote; what it wrote is kept under another name."""
    found = sent(head, policy)
    authors = [field for field in fields(found.section) if name_of(field) == b"from"]
    assert len(authors) == 1
    assert authors[0].lower().count(MAILBOX.encode()) >= 1
    written = [field.partition(b":")[2] for field in fields(head) if name_of(field) == b"from"]
    names = (b"from", b"x-original-from", b"x-duplicate-from")
    kept = [field.partition(b":")[2] for field in fields(found.section) if name_of(field) in names]
    assert all(body in kept for body in written)
    assert found.sender == MAILBOX


@given(HEAD, st.sampled_from(FromPolicy))
def test_rewriting_twice_is_rewriting_once(head: bytes, policy: FromPolicy) -> None:
    """A message that passes two relays is not wrapped again and again."""
    once = sent(head, policy, DEVICE)
    assert sent(once.section, policy, DEVICE).section == once.section


@given(st.binary(max_size=400), st.sampled_from(FromPolicy))
def test_any_octets_have_an_answer(head: bytes, policy: FromPolicy) -> None:
    """Never an exception."""
    assert sent(head, policy).sender
