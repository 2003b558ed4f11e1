"""The line reader: the same lines whatever the pieces, and nothing lost between commands and DATA."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.smtpd.lines import LIMIT, LineReader, LineTooLong

LINE = st.one_of(
    st.sampled_from([b"NOOP", b"", b"x" * 300, b"x" * (LIMIT - 2), b"x" * (LIMIT + 1), b"y" * (3 * LIMIT)]),
    st.binary(max_size=20).map(lambda raw: b"a" + raw.translate(None, b"\r\n")),
)


async def heard(octets: bytes, pieces: list[int]) -> list[bytes | None]:
    """All lines until the end of input; None for one that was too long."""
    reader = LineReader(asyncio.get_running_loop())

    async def feed() -> None:
        at = turn = 0
        while at < len(octets):
            size = pieces[turn % len(pieces)]
            reader.feed_data(octets[at : at + size])
            at, turn = at + size, turn + 1
            await asyncio.sleep(0)
        reader.feed_eof()

    feeding = asyncio.ensure_future(feed())
    lines: list[bytes | None] = []
    try:
        while True:
            try:
                lines.append(await reader.line())
            except LineTooLong:
                lines.append(None)
    except ConnectionError:
        await feeding
        return lines


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(LINE, st.sampled_from([b"\r\n", b"\n"])), max_size=5),
    st.lists(st.integers(1, 20_000), min_size=1, max_size=4),
)
def test_pieces_change_nothing(lines: list[tuple[bytes, bytes]], pieces: list[int]) -> None:
    """A line too long is one error, however it came."""
    whole = [text + end for text, end in lines]
    expected = [line if len(line) <= LIMIT else None for line in whole]
    assert asyncio.run(heard(b"".join(whole), [max(size, len(b"".join(whole)) // 2000) for size in pieces])) == expected


async def test_what_is_taken_and_given_back_stands_in_front() -> None:
    """DATA takes all, and returns what came behind its end."""
    reader = LineReader(asyncio.get_running_loop())
    reader.feed_data(b"one\r\ntwo\r\nthr")
    assert await reader.line() == b"one\r\n"
    assert reader.take_all() == b"two\r\nthr"
    reader.feed_data(b"ee\r\n")
    reader.give_back(b"two\r\nthr")
    assert [await reader.line(), await reader.line()] == [b"two\r\n", b"three\r\n"]


async def test_any_end_of_a_connection_is_a_connection_error() -> None:
    """What the network says (no route, timed out) is kept as its cause."""
    reader = LineReader(asyncio.get_running_loop())
    reader.set_exception(OSError(113, "No route to host"))
    with pytest.raises(ConnectionError, match="No route") as caught:
        await reader.line()
    assert isinstance(caught.value.__cause__, OSError)
