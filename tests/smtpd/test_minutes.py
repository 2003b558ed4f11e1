"""What is kept of a device's words: commands, never credentials and never what is no command."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.transcript import MOST, Transcript, octets, shortened
from relay.smtpd.minutes import Minutes, shown

WORDS = st.sampled_from(
    [b"AUTH ", b"AUTH LOGIN ", b"AUTH PLAIN ", b"auth xoauth2 ", b"", b"Subject: ", b"NOOP ", b"RSET ", b"QUIT "]
)
SECRET = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=12, max_size=40)


@given(before=WORDS, secret=SECRET)
def test_a_secret_behind_any_command_is_not_kept(before: bytes, secret: str) -> None:
    """In clear or in base64, as a response of AUTH, as an argument or as a line of its own."""
    minutes = Minutes("device connected")
    for words in (secret.encode(), base64.b64encode(secret.encode())):
        line = before + words
        minutes.heard(line.split(b" ")[0].upper(), line + b"\r\n", under_way=False)
        minutes.heard_secret()
        assert words.decode() not in minutes.text()


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"AUTH LOGIN dXNlcg==\r\n", b"AUTH LOGIN ****"),
        (b"auth plain\r\n", b"AUTH PLAIN"),
        (b"AUTH dXNlcg==\r\n", b"AUTH ****"),
        (b"MAIL FROM:<a@b.test> SIZE=5\r\n", b"MAIL FROM:<a@b.test> SIZE=5"),
        (b"EHLO copier and more\n", b"EHLO copier"),
        (b"EHLO " + b"x" * 9000, b"EHLO " + b"x" * 495),
        (b"cGFzc3dvcmQ=\r\n", b"**** (no command)"),
    ],
)
def test_what_stands_in_the_minutes(line: bytes, kept: bytes) -> None:
    """The mechanism, the envelope, the name; not the rest."""
    assert shown(line.split()[0].upper(), line) == kept


def test_each_message_has_the_opening_and_its_own_envelope() -> None:
    """The second message of a session is told with how the session began, and without the first."""
    minutes = Minutes("device connected")
    for line in (b"EHLO copier", b"MAIL FROM:<one@b.test>", b"RCPT TO:<x@b.test>", b"MAIL FROM:<two@b.test>"):
        minutes.heard(line.split()[0], line, under_way=False)
    text = minutes.text()
    assert "EHLO copier" in text
    assert "two@b.test" in text
    assert "one@b.test" not in text


@given(st.lists(st.text(max_size=500), max_size=300))
def test_a_text_never_grows_beyond_its_limit(lines: list[str]) -> None:
    """Whatever is said."""
    assert len(shortened(lines)) <= MOST


def test_many_lines_keep_their_beginning_and_end() -> None:
    """What is left out is counted."""
    script = Transcript()
    for n in range(1000):
        script.add(n / 1000, "C", f"line {n}")
    lines = script.printed(0)
    assert lines[0].endswith("C: line 0")
    assert lines[-1].endswith("C: line 999")
    assert f"… {1000 - len(lines) + 1} lines left out …" in "\n".join(lines)


def test_control_characters_do_not_reach_whoever_reads() -> None:
    """A device chooses its name."""
    script = Transcript()
    script.add(0, "C", b"EHLO \x1b[2J\x9b")
    assert script.printed(0) == ["     0 C: EHLO \\x1b[2J\ufffd"]


def test_a_size_is_readable() -> None:
    """Groups of three digits."""
    assert octets(1234567) == "… 1 234 567 octets …"
