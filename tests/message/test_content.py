"""What stands behind DATA: the end mark, dots and line ends, however the network cuts the octets."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.content import Content


def fed(octets: bytes, pieces: list[int], capacity: int = 64) -> tuple[bytes, bytes, bool]:
    """Feeds the octets in pieces of the given sizes; returns message, rest and whether the end was seen."""
    content = Content(capacity, 2 * capacity)
    out = b""
    at = turn = 0
    while at < len(octets) and not content.complete:
        size = max(1, min(pieces[turn % len(pieces)], len(content.space()), len(octets) - at))
        content.space()[:size] = octets[at : at + size]
        at += size
        turn += 1
        if content.filled(size) or content.full:
            out += content.take()
    rest = content.rest() + octets[at:] if content.complete else b""
    return out, rest, content.complete


def reference(octets: bytes) -> tuple[bytes, bytes]:
    """The same rules in the slowest words: split at the first strict end, then line by line."""
    whole = b"\r\n" + octets
    end = whole.index(b"\r\n.\r\n")
    data, rest = whole[: end + 2], whole[end + 5 :]
    parts = re.split(rb"(\r*\n|\r)", data)
    out = b""
    for line, _mark in zip(parts[0::2], [*parts[1::2], b""], strict=True):
        lone = line == b"."
        out += (line[1:] if line.startswith(b".") and not lone else line) + b"\r\n"
    return out[2:-2], rest


def test_a_plain_message_arrives_as_it_was_sent() -> None:
    """Nothing is touched when there is nothing to repair."""
    assert fed(b"Subject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n", [1000]) == (
        b"Subject: x\r\n\r\nhello\r\n",
        b"QUIT\r\n",
        True,
    )


def test_an_empty_message_ends_at_once() -> None:
    """The line end of the DATA command counts as the one before the dot."""
    assert fed(b".\r\n", [1]) == (b"", b"", True)


def test_a_stuffed_dot_is_undone() -> None:
    """RFC 5321 §4.5.2."""
    assert fed(b"..one\r\n...two\r\n..\r\n.\r\n", [3])[0] == b".one\r\n..two\r\n.\r\n"


@pytest.mark.parametrize(
    "trick",
    [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\r\n.\n", b"\n\r.\r\n", b"\r\n\x00.\r\n"],
)
def test_no_other_sequence_ends_the_data(trick: bytes) -> None:
    """SMTP smuggling: what follows a false end stays inside the one message."""
    message, rest, _ = fed(b"a" + trick + b"MAIL FROM:<evil@x>\r\n.\r\nQUIT\r\n", [7])
    assert b"MAIL FROM:<evil@x>\r\n" in message
    assert rest == b"QUIT\r\n"


def test_bare_line_ends_become_crlf_and_are_counted() -> None:
    """A PLC writes LF only; Exchange would refuse it."""
    content = Content()
    content.put(b"a\nb\rc\r\nd\r\r\n.\r\n")
    assert content.complete
    assert content.take() == b"a\r\nb\r\nc\r\nd\r\n"
    assert content.repaired_line_ends == 3


def test_a_buffer_full_of_carriage_returns_still_moves_on() -> None:
    """Garbage of one octet can't stop the reader."""
    message, _, complete = fed(b"\r" * 500 + b"\r\n.\r\n", [64])
    assert complete
    assert set(message) <= {13, 10}


LINES = st.lists(
    st.sampled_from([b"\r\n", b"\n", b"\r", b".", b"..", b"text", b"\r\n.", b"\n.", b"x" * 70, b"\x00", b"\xff"]),
    max_size=40,
).map(b"".join)


@given(LINES, st.lists(st.integers(1, 90), min_size=1, max_size=5), st.sampled_from([32, 64, 300]))
def test_cuts_of_the_network_change_nothing(octets: bytes, pieces: list[int], capacity: int) -> None:
    """Whatever the pieces and the buffer, the result is that of the rules applied to the whole."""
    stream = octets + b"\r\n.\r\nNOOP\r\n"
    message, rest, complete = fed(stream, pieces, capacity)
    assert complete
    assert (message, rest) == reference(stream)
