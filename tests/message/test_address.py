"""Addresses as devices write them, in commands and in From."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relay.message.address import NULL, Address, AddressError, authors, parse_path


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("<bob@contoso.test>", "bob@contoso.test"),
        (" < bob@contoso.test > ", "bob@contoso.test"),
        ("bob@contoso.test", "bob@contoso.test"),
        ("<@a.test,@b.test:bob@contoso.test>", "bob@contoso.test"),
        ('<"b o b"@contoso.test>', '"b o b"@contoso.test'),
        ("<>", ""),
        ("<scanner>", "scanner"),
    ],
)
def test_a_path_is_taken_in_any_dress(text: str, address: str) -> None:
    """Brackets, spaces, source routes, quotes, no domain."""
    assert parse_path(text) == address


@pytest.mark.parametrize(
    "text",
    ["<a@b", "<a b@c>", "<a@b>c<d>", "<a\x00@b>", "<a\r\nRCPT TO:<x@y>", f"<{'a' * 320}@b>", '<"' + '\\"' * 8000 + ">"],
)
def test_what_could_become_two_commands_or_another_address_is_refused(text: str) -> None:
    """With a reason, and at once."""
    started = time.process_time()
    with pytest.raises(AddressError) as caught:
        parse_path(text)
    assert str(caught.value).isascii()
    assert time.process_time() - started < 0.5


def test_parts_of_an_address() -> None:
    """The last @ parts it; domains and comparisons know no case."""
    address = Address("Bob@Home@Contoso.TEST")
    assert (address.local, address.domain, address.normal) == ("Bob@Home", "contoso.test", "bob@home@contoso.test")
    assert (Address("root").local, Address("root").domain) == ("root", "")
    assert NULL.is_null


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bob@x.test", ("", "bob@x.test")),
        ("Bob  B. <bob@x.test>", ("Bob B.", "bob@x.test")),
        ('"Bob, \\"B\\"" <bob@x.test>', ('Bob, "B"', "bob@x.test")),
        ("bob@x.test (Bob, at home)", ("", "bob@x.test")),
        ("=?utf-8?B?Qm9i?= <bob@x.test>", ("=?utf-8?B?Qm9i?=", "bob@x.test")),
        ("a@x.test, b@x.test", ("", "a@x.test")),
        (", ,; b@x.test", ("", "b@x.test")),
        ("Team: Bob <bob@x.test>, c@x.test;", ("Bob", "bob@x.test")),
        ("Team: bob@x.test;", ("", "bob@x.test")),
        ("undisclosed:;", ("", "")),
        ('"Bob <bob@x.test>', ('" Bob', "bob@x.test")),
        ("Bob <bob@x.test", ("Bob", "bob@x.test")),
        ("", ("", "")),
    ],
)
def test_the_first_author_of_a_from(text: str, found: tuple[str, str]) -> None:
    """Names in any dress; a group is not a name; broken quotes lose no address."""
    assert next(authors(text), ("", "")) == found


def test_all_authors_are_found() -> None:
    """Whoever stands behind the first counts too."""
    assert list(authors("A <a@x.test> and so on, b@x.test; C <c@x.test>")) == [
        ("A", "a@x.test"), ("", "b@x.test"), ("C", "c@x.test"),
    ]  # fmt: skip


@given(st.text(st.characters(min_codepoint=0xA0, exclude_categories=["Cs"]), min_size=1, max_size=40))
@example("à la carte Å")
def test_octets_beyond_ascii_come_out_as_they_went_in(name: str) -> None:
    """The octets A0 and 85 of UTF-8 are not spaces."""
    octets = name.encode()
    [(shown, _)] = authors((octets + b" <bob@x.test>").decode("latin-1"))
    assert shown.encode("latin-1") == octets


@given(st.text(max_size=300))
def test_any_text_has_an_answer(text: str) -> None:
    """Never an exception, and a name never has a line end."""
    for name, address in authors(text):
        assert "\n" not in name + address
        assert "\r" not in name + address


@pytest.mark.parametrize("piece", ['"\\"', '\\"', "(\\(", "(", "<", '"a', "a:", ","])
def test_no_from_holds_the_relay_up(piece: str) -> None:
    """A quarter of a megabyte of quotes that never close costs a moment."""
    started = time.process_time()
    list(authors(piece * (250_000 // len(piece))))
    assert time.process_time() - started < 1.0
