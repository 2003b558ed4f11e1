"""Replies: made for devices in one piece, parsed from Exchange with the code taken off each line."""

from __future__ import annotations

from relay.message.reply import Reply, parse_reply


def test_every_line_of_a_reply_has_the_code() -> None:
    """One write, ASCII, whatever the text."""
    assert Reply(550, "5.7.1", "No\nnot für you").encode() == b"550-5.7.1 No\r\n550 5.7.1 not f?r you\r\n"
    assert Reply(354, "", "Go").encode() == b"354 Go\r\n"


def test_a_reply_of_exchange_is_read_once() -> None:
    """The enhanced code stands on every line and is kept once."""
    reply = parse_reply(550, ["5.7.60 SMTP; Client", "5.7.60 does not have permissions"])
    assert (reply.code, reply.enhanced, reply.text) == (550, "5.7.60", "SMTP; Client\ndoes not have permissions")
    assert str(reply) == "550 5.7.60 SMTP; Client does not have permissions"
    assert (reply.permanent, reply.transient, reply.positive) == (True, False, False)
