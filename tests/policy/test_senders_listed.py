"""Who may be named, and send_as: no author gets past the list, whatever the device writes."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import getaddresses, parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from relay.config.settings import FromPolicy, Profile
from relay.message.address import NULL, Address
from relay.policy.sender import Rewritten, SenderNotListed, rewrite

MAILBOX, DESK = "scanner@contoso.test", "desk@contoso.test"
OURS = [FromPolicy.MAILBOX, FromPolicy.PERSON, FromPolicy.SEND_AS]
BOB = Address("bob@contoso.test")


def profile(*senders: str, name: str = "Help Desk", **options: str) -> Profile:
    listed = {"senders": senders} if senders else {}
    return Profile.model_validate(
        {"app": "contoso", "mailbox": MAILBOX, "send_as": {"address": DESK, "name": name}} | listed | options
    )


def sent(head: bytes, how: FromPolicy, by: Profile, reverse_path: Address = BOB) -> Rewritten:
    return rewrite(head, reverse_path, policy=how, profile=by)


def value(found: Rewritten, name: str) -> str | None:
    return message_from_bytes(found.section + b"\r\n", policy=policy.compat32)[name]


# -- send_as


def test_send_as_writes_name_and_address_of_the_shared_mailbox() -> None:
    """The device's author is answered, and kept beside it."""
    found = sent(b"From: Bob <bob@contoso.test>\r\nSubject: x\r\n", FromPolicy.SEND_AS, profile())
    assert found.section == (
        b'From: "Help Desk" <desk@contoso.test>\r\nReply-To: <bob@contoso.test>\r\n'
        b"X-Original-From: Bob <bob@contoso.test>\r\nSubject: x\r\n"
    )
    assert found.sender == DESK


def test_send_as_without_a_name_leaves_the_shared_mailbox_as_the_device_named_it() -> None:
    """As with the mailbox."""
    head = b"From: Copier 3 <Desk@contoso.test>\r\n"
    assert sent(head, FromPolicy.SEND_AS, profile(name="")) == Rewritten(head, Address(DESK), ())


@pytest.mark.parametrize("sender", ["", f"Sender: {DESK}\r\n", f"Sender: {MAILBOX}\r\n"])
def test_nobody_sends_on_behalf_of_the_shared_mailbox(sender: str) -> None:
    """A Sender beside it would be shown as `scanner on behalf of desk`."""
    found = sent(f"From: {DESK}\r\n{sender}".encode(), FromPolicy.SEND_AS, profile())
    assert value(found, "Sender") in (None, DESK)


def test_our_own_mailboxes_are_nobody_to_answer_to() -> None:
    """Only the person is."""
    head = f"From: {MAILBOX}, {DESK}, b@x.test\r\n".encode()
    assert [value(sent(head, how, profile()), "Reply-To") for how in OURS] == ["<b@x.test>"] * 3


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=78))
def test_any_name_of_the_configuration_arrives(name: str) -> None:
    """Quotes, commas, encoded words and other scripts; in lines that are legal, and written once."""
    by = profile(name=name)
    once = sent(b"From: <b@x.test>\r\n", FromPolicy.SEND_AS, by)
    author = value(once, "From") or ""
    assert all(len(line) <= 998 for line in once.section.split(b"\r\n"))
    shown, address = parseaddr(author.replace("\r\n", ""))
    assert address == DESK
    if "=?" not in name:
        assert str(make_header(decode_header(shown))).split() == name.split()
    assert sent(once.section, FromPolicy.SEND_AS, by) == Rewritten(once.section, Address(DESK), ())


@pytest.mark.parametrize("name", ["a\nb", "a\r\nBcc: x@y.test", "\0", "x" * 79])
def test_a_name_that_would_break_the_header_is_no_name(name: str) -> None:
    """The configuration is refused."""
    with pytest.raises(ValidationError):
        profile(name=name)


# -- several authors


ADDRESS = st.sampled_from(["a@x.test", "b@y.test", "c@contoso.test", MAILBOX, DESK, MAILBOX.upper()])
NAME = st.sampled_from(["", "Bob ", '"Bob, B" ', "=?utf-8?q?J=C3=B6rg?= ", "(x) ", '"a@z.test" '])
AUTHORS = st.lists(st.builds(lambda name, address: f"{name}<{address}>", NAME, ADDRESS), min_size=1, max_size=5)


@given(AUTHORS, st.sampled_from([", ", ",\r\n ", " ,\r\n\t"]), st.sampled_from(OURS))
def test_every_author_but_us_is_answered_and_none_stays(written: list[str], comma: str, how: FromPolicy) -> None:
    """In their order; we alone are left in From."""
    found = sent(f"From: {comma.join(written)}\r\n".encode(), how, profile())
    others = [part.rpartition("<")[2][:-1] for part in written]
    others = [address for address in others if address.lower() not in (MAILBOX, DESK)]
    answered = [address for _, address in getaddresses([value(found, "Reply-To") or ""]) if address]
    assert answered == others
    assert [address.lower() for _, address in getaddresses([value(found, "From") or ""])] == [found.sender]


@pytest.mark.parametrize("author", [f"{MAILBOX}, {MAILBOX}", f"<{MAILBOX}> <boss@x.test>", f"{MAILBOX} (boss@x.test)"])
@pytest.mark.parametrize("how", OURS[:2])
def test_what_another_reader_may_take_for_an_author_does_not_stay(author: str, how: FromPolicy) -> None:
    """The mailbox twice is two authors to Exchange (5.1.20), and nobody knows which bracket it reads."""
    found = sent(f"From: {author}\r\n".encode(), how, profile())
    assert (value(found, "From") or "").endswith(f"<{MAILBOX}>")
    assert (value(found, "From") or "").count("@") == 1
    assert value(found, "X-Original-From") == author


@pytest.mark.parametrize("head", [b"From: a@x.test,\r\n b@x.test\r\n", b'From: "a" <a@x.test>, <b@x.test>\r\n'])
def test_keep_names_the_sender_that_several_authors_need(head: bytes) -> None:
    """RFC 5322 §3.6.2; one that the device wrote stays."""
    assert sent(head, FromPolicy.KEEP, profile()) == Rewritten(
        b"Sender: <bob@contoso.test>\r\n" + head, BOB, ("sender-added",)
    )
    assert sent(b"Sender: a@x.test\r\n" + head, FromPolicy.KEEP, profile()).changes == ()


# -- the list


@pytest.mark.parametrize(
    ("head", "reverse_path"),
    [
        (b"From: Bob <bob@contoso.test>\r\n", BOB),
        (b"From: BOB@CONTOSO.TEST\r\nSender: eva@contoso.test\r\n", NULL),
        (b"Subject: no author\r\n", Address("root")),
        (b"From: other@elsewhere.test\r\n", Address("other@elsewhere.test")),
        (f"From: {MAILBOX}\r\n".encode(), Address(MAILBOX)),
    ],
)
def test_keep_lets_those_on_the_list_pass(head: bytes, reverse_path: Address) -> None:
    """Without regard to case; mail that names nobody passes too."""
    found = sent(head, FromPolicy.KEEP, profile("*@contoso.test", "other@elsewhere.test"), reverse_path)
    assert found.section.endswith(head)
    assert "sender-not-listed" not in found.changes


@pytest.mark.parametrize(
    ("head", "reverse_path"),
    [
        (b"From: Eve <eve@evil.test>\r\n", BOB),
        (b"From: bob@contoso.test\r\n", Address("eve@evil.test")),
        (b"From: bob@contoso.test\r\nSender: eve@evil.test\r\n", BOB),
        (b"From: bob@contoso.test\r\nFrom: eve@evil.test\r\n", BOB),
        (b"From: bob@contoso.test\r\nSender: scanner@contoso.test\r\nSender: eve@evil.test\r\n", BOB),
        (b"From: bob@contoso.test\r\nSender: scanner@contoso.test (eve@evil.test)\r\n", BOB),
        (b"From: bob@contoso.test,\r\n\teve@evil.test\r\n", BOB),
        (b'From: "eve@evil.test" <bob@contoso.test>\r\n', BOB),
        (b"From: bob@contoso.test (eve@evil.test)\r\n", BOB),
        (b"From: <bob@contoso.test> <eve@evil.test>\r\n", BOB),
        (b"From: bob@contoso.test.evil.test\r\n", BOB),
        (b"From: root\r\n", BOB),
    ],
)
def test_keep_becomes_mailbox_for_all_others(head: bytes, reverse_path: Address) -> None:
    """One name that is not on the list is enough, wherever it stands."""
    found = sent(head, FromPolicy.KEEP, profile("*@contoso.test"), reverse_path)
    assert (found.sender, value(found, "From"), value(found, "Reply-To")) == (MAILBOX, f"<{MAILBOX}>", None)
    assert value(found, "Sender") is None
    assert found.changes[-1] == "sender-not-listed"


@pytest.mark.parametrize("how", FromPolicy)
def test_refuse_says_whom(how: FromPolicy) -> None:
    """With every policy, as soon as somebody is named."""
    by = profile("*@contoso.test", unlisted="refuse")
    with pytest.raises(SenderNotListed, match=r"eve@evil\.test is not among the senders") as refused:
        sent(b"From: eve@evil.test\r\n", how, by)
    assert refused.value.address == "eve@evil.test"
    assert sent(b"Subject: x\r\n", how, by).sender


NOISE = st.lists(st.sampled_from(["=?utf-8?q?a?=", "x", "\xe9", " ", "\r\n ", *'<>,"()[]\\:;@']), max_size=3).map(
    "".join
)
ANYBODY = st.sampled_from(["eve@evil.test", "<eve@evil.test>", "bob@contoso.test", "<bob@contoso.test>", MAILBOX])
BODY = st.lists(st.one_of(NOISE, ANYBODY), max_size=6).map("".join)
FIELDS = st.lists(st.tuples(st.sampled_from(["From", "Sender", "FROM "]), BODY), max_size=3)


@given(FIELDS, st.sampled_from(FromPolicy))
def test_no_stranger_is_ever_named(fields: list[tuple[str, str]], how: FromPolicy) -> None:
    """However brackets, quotes, comments and folds stand: not in From, not in Sender, not in an added Reply-To."""
    head = "".join(f"{name}: {body}\r\n" for name, body in fields).encode("latin-1")
    found = sent(head, how, profile("*@contoso.test"))
    shown = re.findall(rb"(?im)^(?:from|sender|reply-to)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", found.section)
    assert not any(b"eve@evil.test" in field for field in shown)
    assert found.sender.endswith("@contoso.test")
