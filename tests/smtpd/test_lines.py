"""The line reader: the same lines whatever the pieces, and nothing lost between commands and DATA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from relay.smtpd.lines import LIMIT, Lines, LineTooLong

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE = st.one_of(
    st.sampled_from([b"NOOP", b"", b"x" * 300, b"x" * (LIMIT - 2), b"x" * (LIMIT + 1), b"y" * (3 * LIMIT)]),
    st.binary(max_size=20).map(lambda raw: b"a" + raw.translate(None, b"\r\n")),
)


def heard(octets: bytes, pieces: list[int]) -> list[bytes | None]:
    """All lines that come whole; None for one that was too long."""
    reader = Lines()
    lines: list[bytes | None] = []
    at = turn = 0
    while at < len(octets):
        size = pieces[turn % len(pieces)]
        reader.feed(octets[at : at + size])
        at, turn = at + size, turn + 1
        lines += ready(reader)
    return lines


def ready(reader: Lines) -> Iterator[bytes | None]:
    """The lines that are there."""
    while True:
        try:
            line = reader.next()
        except LineTooLong:
            yield None
            continue
        if line is None:
            return
        yield line


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(LINE, st.sampled_from([b"\r\n", b"\n"])), max_size=5),
    st.lists(st.integers(1, 20_000), min_size=1, max_size=4),
)
def test_pieces_change_nothing(lines: list[tuple[bytes, bytes]], pieces: list[int]) -> None:
    """A line too long is one error, however it came."""
    whole = [text + end for text, end in lines]
    expected = [line if len(line) <= LIMIT else None for line in whole]
    assert heard(b"".join(whole), [max(size, len(b"".join(whole)) // 2000) for size in pieces]) == expected


def test_what_is_taken_and_given_back_stands_in_front() -> None:
    """DATA takes all, and returns what came behind its end."""
    reader = Lines()
    reader.feed(b"one\r\ntwo\r\nthr")
    assert reader.next() == b"one\r\n"
    assert reader.take_all() == b"two\r\nthr"
    reader.feed(b"ee\r\n")
    reader.give_back(b"two\r\nthr")
    assert list(ready(reader)) == [b"two\r\n", b"three\r\n"]
