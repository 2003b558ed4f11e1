"""The parts without a socket, against naive ones: dots, replies, the XOAUTH2 response."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.transport import xoauth2
from relay.transport.dots import DotStuffer
from relay.transport.replies import GarbledReplyError, ReplyParser

PIECES = st.lists(st.lists(st.sampled_from([b"\r", b"\n", b".", b"x", b"\r\n.", b"\r\n"])).map(b"".join))


@given(PIECES)
def test_dots_are_stuffed_as_if_the_message_were_whole(pieces):
    """Wherever the chunks are cut, the octets are those of splitting the whole at CRLF."""
    lines = b"".join(pieces).split(b"\r\n")
    naive = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)
    dots = DotStuffer()

    assert b"".join(map(dots.stuff, pieces)) == naive


@given(PIECES)
def test_the_end_of_data_stands_on_its_own_line_and_only_there(pieces):
    """A reader that takes lines up to the lone dot gets the message back, with its last line ended."""
    dots = DotStuffer()
    wire = b"".join(map(dots.stuff, pieces)) + dots.end()
    body, end, rest = (b"\r\n" + wire).partition(b"\r\n.\r\n")
    message = b"".join(pieces)

    assert (end, rest) == (b"\r\n.\r\n", b"")
    lines = body[2:].split(b"\r\n")
    received = b"\r\n".join(line.removeprefix(b".") for line in lines) + (b"\r\n" if body else b"")
    assert received == (message if message.endswith(b"\r\n") or not message else message + b"\r\n")


REPLY = st.tuples(
    st.integers(200, 599),
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=30), min_size=1, max_size=5),
)


@given(st.lists(REPLY, max_size=5), st.data())
def test_replies_are_the_same_however_they_are_cut(replies, data):
    """Whole or octet by octet, the same replies come out, in order."""
    wire = b"".join(
        f"{code}{'-' if more else ' '}{line}\r\n".encode()
        for code, lines in replies
        for line, more in zip(lines, [True] * (len(lines) - 1) + [False], strict=True)
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    pieces = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    cut, whole = ReplyParser(), ReplyParser()

    assert [reply for piece in pieces for reply in cut.feed(piece)] == whole.feed(wire)
    assert [code for code, _ in replies] == [reply.code for reply in ReplyParser().feed(wire)]


@given(st.binary())
def test_any_octets_are_replies_or_garbage(octets):
    """The parser gives replies or `GarbledReplyError`, never another error."""
    try:
        replies = ReplyParser().feed(octets)
    except GarbledReplyError:
        return
    assert all(200 <= reply.code <= 599 for reply in replies)


@pytest.mark.parametrize("flood", [b"250-more\r\n" * 1000, b"250 " + b"x" * 100_000])
def test_a_reply_without_an_end_is_garbage(flood):
    """What a server can make us keep is bounded."""
    with pytest.raises(GarbledReplyError):
        ReplyParser().feed(flood)


def test_the_response_is_the_published_example():
    """Octet for octet what Microsoft's page shows for its mailbox and token."""
    example = (
        b"dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJD"
        b"M0VvQUEBAQ=="
    )

    assert xoauth2.response("test@contoso.onmicrosoft.com", "EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA") == example


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=700))
def test_one_line_means_512_octets(token):
    """The command line with its CRLF is counted, not the token."""
    encoded = xoauth2.response("scanner@contoso.com", token)

    assert xoauth2.fits_one_line(encoded) == (len(b"AUTH XOAUTH2 " + encoded + b"\r\n") <= 512)
