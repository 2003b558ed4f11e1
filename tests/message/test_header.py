"""The header section as octets: where it ends, and changes that touch nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.header import (
    LIMIT,
    HeaderTooLarge,
    body_offset,
    field,
    renamed,
    replaced,
    section_of,
    set_aside,
    value,
)

NAMES = st.text("ABCabc-", min_size=1, max_size=12).map(str.encode)
VALUES = st.lists(st.binary(max_size=20).map(lambda raw: raw.translate(None, b"\r\n")), min_size=1, max_size=3).map(
    lambda lines: b"\r\n ".join(lines)
)
FIELDS = st.lists(st.builds(lambda name, body: b"X" + name + b":" + body + b"\r\n", NAMES, VALUES), max_size=6)


@given(FIELDS.filter(bool), st.binary(max_size=60))
def test_the_body_starts_behind_the_first_empty_line(fields: list[bytes], body: bytes) -> None:
    """Whatever stands in the fields and behind."""
    head = b"".join(fields) + b"\r\n"
    assert body_offset(head + body, complete=True) == len(head)


@given(st.binary(max_size=300), st.booleans())
def test_every_octet_string_has_an_answer(data: bytes, complete: bool) -> None:
    """An offset inside the data, or None only while more may come."""
    offset = body_offset(data, complete=complete)
    assert offset is None or 0 <= offset <= len(data)
    assert offset is not None or not complete


@given(FIELDS.filter(bool), st.binary(max_size=40))
def test_the_answer_does_not_change_when_more_comes(fields: list[bytes], body: bytes) -> None:
    """The first prefix that has an answer has the one of the whole."""
    data = b"".join(fields) + b"\r\n" + body
    answers = {body_offset(data[:end], complete=False) for end in range(len(data) + 1)} - {None}
    assert answers == {body_offset(data, complete=True)}


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"\r\nbody", 2),
        (b"no field here\r\n\r\nmore", 0),
        (b"Subject: x\r\n", 12),
        (b"", 0),
        (b"Alarm!\r\nLevel : 3\r\n\r\n", 21),
    ],
)
def test_messages_of_plain_devices(data: bytes, offset: int) -> None:
    """No header, no body, nothing at all, words in front of the fields."""
    assert body_offset(data, complete=True) == offset


def test_a_section_above_the_limit_is_refused_as_soon_as_it_is() -> None:
    """Memory is bounded before the end has come; text without fields is a body of any size."""
    field_too_much = b"X-Long: " + b"x" * LIMIT
    assert body_offset(field_too_much[:LIMIT], complete=False) is None
    with pytest.raises(HeaderTooLarge, match=str(LIMIT)):
        body_offset(field_too_much, complete=False)
    assert body_offset(b"x" * (LIMIT + 1), complete=False) == 0


def test_a_fold_that_continues_nothing_is_undone() -> None:
    """It would continue the field that the relay puts in front."""
    assert section_of(b" \t\r\n Subject: x\r\n y\r\n\r\n") == b"Subject: x\r\n y\r\n"


@given(st.binary(max_size=100))
def test_a_section_is_empty_or_closed_by_crlf(head: bytes) -> None:
    """So that fields can be put before and behind it."""
    section = section_of(head)
    assert not section or (section.endswith(b"\r\n") and section[:1] not in (b" ", b"\t", b"\r", b"\n"))


@given(FIELDS, FIELDS)
def test_a_field_is_replaced_as_a_whole_and_nothing_else(before: list[bytes], after: list[bytes]) -> None:
    """Folds included; the fields around it keep every octet."""
    section = b"".join([*before, b"FROM : a\r\n\tb\r\n", *after])
    assert replaced(section, "From", b"New: 1\r\n") == b"".join([*before, b"New: 1\r\n", *after])


def test_values_are_unfolded() -> None:
    """And the name is found in any case, but only as a whole."""
    section = b"X-From: no\r\nfrom:\r\n Bob\r\n\t<b@x>\r\nFrom: second\r\n"
    assert value(section, "From") == b"Bob\t<b@x>"
    assert field(section, "From") == b"from:\r\n Bob\r\n\t<b@x>\r\n"
    assert value(section, "Subject") is None


def test_fields_are_set_aside_under_another_name() -> None:
    """All, or all but the first."""
    section = b"From: a\r\nX: 1\r\nFrom: b\r\n c\r\n"
    assert set_aside(section, "From", under="Old") == b"Old: a\r\nX: 1\r\nOld: b\r\n c\r\n"
    assert set_aside(section, "From", under="Old", behind=1) == b"From: a\r\nX: 1\r\nOld: b\r\n c\r\n"
    assert renamed(b"From: a:b\r\n", "Old") == b"Old: a:b\r\n"
