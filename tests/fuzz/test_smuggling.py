"""No mixture of CR, LF, dot and pipelining makes two messages of one, or one of two: end to end, with a reference."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.effort import EFFORT
from tests.fuzz.service import Service
from tests.fuzz.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

# Each message has a whole header: what becomes of others is the matter of the repairs, not of where messages end.
PIECES = st.sampled_from([
    b"\r", b"\n", b"\r\n", b".", b"..", b"x", b"\r\n.\r\n", b"\r\n.\r\n", b"\n.\n", b"\r.\r", b"\r\n.\n", b"\n.\r\n",
    b"\r\r\n.\r\n", b"MAIL FROM:<a@b.test>\r\n", b"RCPT TO:<ann@contoso.test>\r\n", b"DATA\r\nSubject: x\r\n\r\n",
    b"RSET\r\n", b"NOOP\n", b"QUIT\r\n",
    b"MAIL FROM:<a@b.test>\r\nRCPT TO:<ann@contoso.test>\r\nDATA\r\nSubject: x\r\n\r\n",
])  # fmt: skip
STREAMS = st.lists(PIECES, max_size=40).map(b"".join)
CUTS = st.lists(st.integers(1, 40), min_size=1, max_size=6)
START = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<ann@contoso.test>\r\nDATA\r\nSubject: x\r\n\r\n"


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service(max_errors=10_000, max_commands=10_000) as running:
        yield running


@settings(EFFORT, max_examples=EFFORT.max_examples * 4)
@given(STREAMS, CUTS)
def test_what_is_stored_is_what_stands_between_the_ends(service: Service, octets: bytes, cuts: list[int]) -> None:
    """As many messages, with as many lines, as the slowest reading of RFC 5321 finds in the same octets."""
    stream = START + octets
    service.bodies.clear()
    codes = spoken(service, stream, cuts)
    assert service.bodies == [decoded(block) for block in blocks(stream, codes)]
    assert service.mistakes() == []


def spoken(service: Service, stream: bytes, cuts: list[int]) -> list[int]:
    """Sends the stream in pieces, ends it, and returns all replies."""
    wire = Wire(service.port)
    at = turn = 0
    while at < len(stream):
        size = cuts[turn % len(cuts)]
        wire.say(stream[at : at + size])
        at, turn = at + size, turn + 1
    wire.finish_sending()
    codes = []
    while code := wire.reply():
        codes.append(code)
    wire.close()
    return codes


def blocks(stream: bytes, codes: list[int]) -> list[bytes]:
    """The messages in a stream: a line is a command; behind one answered 354 everything up to CRLF . CRLF is data."""
    found, replies, rest = [], iter(codes), stream
    while b"\n" in rest:
        line, _, rest = rest.partition(b"\n")
        code = next(replies)
        if code == 354:
            whole = b"\r\n" + rest
            data, end, rest = whole.partition(b"\r\n.\r\n")
            if not end:
                break
            assert next(replies) == 250
            found.append((data + b"\r\n")[2:])
        elif code == 221:
            assert line.strip().upper() == b"QUIT"
            break
    assert list(replies) == [], "a reply to nothing"
    return found


def decoded(block: bytes) -> bytes:
    """The body: line ends made CRLF, the header taken off, then dots undone line by line."""
    lines = re.split(rb"\r*\n|\r", block)
    lines = [line[1:] if line.startswith(b".") and line != b"." else line for line in lines]
    return b"\r\n".join(lines).partition(b"\r\n\r\n")[2]
