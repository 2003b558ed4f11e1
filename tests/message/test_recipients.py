"""Header fields that name exactly those who are to get a copy, for a way upstream without an envelope."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.address import Address
from relay.message.recipients import addressed, is_writable, parsed

ANN, BOB, CID = (Address(f"{name}@x.test") for name in ("ann", "bob", "cid"))


def head(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


@pytest.mark.parametrize(
    "line",
    [
        "To: ann@x.test, bob@x.test",
        "To: Ann <ann@x.test>,\r\n\t=?utf-8?q?B=C3=B6b=2C_Jr?= <BOB@X.TEST>",
        'To: "Doe, Ann" <ann@x.test>, "B \\"at\\" home, bob" <bob@x.test>',
        "To: Team: ann@x.test, Bob <bob@x.test>;",
        "To: ann@x.test (cid@x.test, formerly), bob@x.test",
        'to : "ann"@x.test,bob@x.test',
    ],
)
def test_a_header_that_names_all_is_not_touched(line):
    """Folds, names, groups and comments stay octet for octet."""
    assert addressed(head("Subject: s", line), [ANN, BOB]) == head("Subject: s", line)


def test_who_is_missing_is_added_as_bcc():
    """One to a line; nobody else sees them."""
    assert addressed(head("To: ann@x.test"), [ANN, BOB, CID]) == head(
        "To: ann@x.test", "Bcc: bob@x.test,\r\n cid@x.test"
    )


def test_who_got_it_already_leaves_the_field_and_stays_readable():
    """The kept entry stands as it stood, encoded words and all."""
    line = "To: Ann <ann@x.test>,\r\n =?utf-8?q?B=2C_C?= <bob@x.test>"

    assert addressed(head(line, "Cc: cid@x.test"), [BOB]) == head(
        "To: =?utf-8?q?B=2C_C?= <bob@x.test>", "X-Original-" + line, "X-Original-Cc: cid@x.test"
    )


def test_a_group_is_taken_apart_where_some_of_it_got_their_mail():
    """Its name is seen in the original."""
    assert addressed(head("To: Team: ann@x.test, bob@x.test;"), [BOB]) == head(
        "To: bob@x.test", "X-Original-To: Team: ann@x.test, bob@x.test;"
    )


def test_a_hidden_recipient_stays_hidden():
    """A Bcc of somebody else goes without a trace; one of the recipients stays."""
    assert addressed(head("Bcc: ann@x.test, bob@x.test", "Subject: s"), [BOB]) == head("Subject: s", "Bcc: bob@x.test")
    assert addressed(head("Bcc: bob@x.test", "Subject: s"), [BOB]) == head("Bcc: bob@x.test", "Subject: s")


def test_several_fields_become_one():
    """Readers differ in which of them they believe."""
    assert addressed(head("To: ann@x.test", "To: bob@x.test"), [ANN, BOB]) == head(
        "To: ann@x.test,\r\n bob@x.test", "X-Original-To: ann@x.test", "X-Original-To: bob@x.test"
    )


def test_equal_fields_are_told_apart():
    """The second of two equal ones, behind a Resent-To of the same body, is not mistaken for the first."""
    written = addressed(head("Resent-To: bob@x.test", "To: bob@x.test", "To: bob@x.test"), [BOB])

    assert written == head(
        "X-Original-Resent-To: bob@x.test", "To: bob@x.test", "X-Original-To: bob@x.test", "X-Original-To: bob@x.test"
    )


@pytest.mark.parametrize("name", ["Resent-To", "Resent-Cc", "Resent-Bcc"])
def test_nobody_is_mailed_by_a_resent_field(name):
    """They speak of an earlier journey."""
    message = message_from_bytes(addressed(head("To: ann@x.test", f"{name}: cid@x.test"), [ANN]))

    assert message[name] is None
    assert message["To"] == "ann@x.test"


@pytest.mark.parametrize(
    "broken",
    [
        "ann@x.test; bob@x.test",
        "ann@x.test bob@x.test",
        "<ann@x.test> <bob@x.test>",
        'ann@x.test, "bob@x.test',
        "ann@x.test, (bob@x.test",
        "cid@x.test <ann@x.test>, bob@x.test",
        "ann@x.test,, bob@x.test,",
        "Team: ann@x.test, bob@x.test",
        "<@relay.test:ann@x.test>, bob@x.test",
        "ann, bob@x.test",
        "=?utf-8?q?ann=40x=2Etest?=, bob@x.test",
        "<=?utf-8?q?cid=40x.test=3e?=@x.test>, ann@x.test, bob@x.test",
        "",
    ],
)
def test_what_readers_might_read_differently_is_written_anew(broken):
    """Each of the two is named once where every reader finds them; the original is kept."""
    message = message_from_bytes(addressed(head(f"To: {broken}"), [ANN, BOB]))
    named = getaddresses([str(message[name]) for name in ("To", "Bcc") if message[name]])

    assert sorted(address for _, address in named) == ["ann@x.test", "bob@x.test"]
    assert message["X-Original-To"] == broken


def test_an_internationalized_domain_is_one_in_both_spellings():
    """The envelope has the DNS's form, the header the people's; and a Bcc that is added has the DNS's."""
    line = "To: Ann <ann@bücher.test>"

    assert addressed(head(line), [Address("ann@xn--bcher-kva.test")]) == head(line)
    assert addressed(head("Subject: s"), [Address("ann@bücher.test")]) == head(
        "Subject: s", "Bcc: ann@xn--bcher-kva.test"
    )


def test_two_domains_that_python_takes_for_one_are_two():
    """Since 2010 an ß is no ss: whoever holds the one domain does not get the other's mail."""
    line = "To: ann@straße.test"

    assert addressed(head(line), [Address("ann@strasse.test")]) == head("X-Original-" + line, "Bcc: ann@strasse.test")
    assert addressed(head(line), [Address("ann@xn--strae-oqa.test")]) == head(line)
    assert addressed(head("Subject: s"), [Address("ann@straße.test")]) == head(
        "Subject: s", "Bcc: ann@xn--strae-oqa.test"
    )


def test_an_empty_group_stays():
    """As devices write it that hide their recipients."""
    assert addressed(head("To: undisclosed-recipients:;"), [ANN]) == head(
        "To: undisclosed-recipients:;", "Bcc: ann@x.test"
    )


def test_octets_that_are_no_text_are_kept():
    """A name in Latin-1 is neither understood nor changed."""
    line = b"To: Andr\xe9 <ann@x.test>, bob@x.test\r\n\r\n"

    assert addressed(line, [ANN, BOB]) == line
    assert addressed(line, [ANN]).startswith(b"To: Andr\xe9 <ann@x.test>\r\nX-Original-To: Andr\xe9 <ann@x.test>, bob")


@pytest.mark.parametrize(
    ("text", "writable"),
    [
        ("ann@x.test", True),
        ('"a, b"@x.test', True),
        ("a,b@x.test", False),
        ("ann", False),
        ("a b@x.test", False),
        ("=?utf-8?q?bob=40y.test=3e?=@x.test", False),
    ],
)
def test_what_a_header_can_hold(text, writable):
    """The others are refused before anything is sent."""
    assert is_writable(Address(text)) is writable


NAMES = st.sampled_from(["", "Ann ", '"Doe, J" ', "=?utf-8?q?J=2C?= ", "a@b ", "(c) ", '"', "(", "x: ", "; "])
PEOPLE = st.sampled_from([ANN, BOB, CID])
FIELD = st.lists(st.tuples(NAMES, PEOPLE, st.booleans()), min_size=1, max_size=5)


@given(FIELD, st.sampled_from(["To", "Cc", "Bcc"]), st.sets(PEOPLE, min_size=1))
def test_exactly_the_recipients_are_named_whatever_was_written(entries, name, recipients):
    """As the standard library reads it, which is another reader than ours."""
    body = ", ".join(f"{name}<{address}>" if angle else f"{name}{address}" for name, address, angle in entries)
    message = message_from_bytes(addressed(head(f"{name}: {body}"), sorted(recipients)), policy=policy.compat32)
    fields = [str(value) for each in ("To", "Cc", "Bcc") for value in message.get_all(each, [])]

    assert {address for _, address in getaddresses(fields)} == set(recipients)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("piece", ['"\\"', "(\\(", "(", '"', "<", "a,", "x:"])
def test_a_hostile_header_costs_no_more_than_its_length(piece):
    """A quarter of a megabyte of beginnings without an end."""
    parsed(piece.encode() * (262_144 // len(piece)))
