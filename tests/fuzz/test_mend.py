"""Whatever comes in, what goes out is fit for Exchange, says the same, and needs no second mending."""

from __future__ import annotations

import email
import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from relay.message.mend import Mended, mended
from relay.message.mend_body import plan_body
from relay.message.mend_fold import has_long_line
from relay.message.mend_header import is_clean, mend_header
from relay.message.mend_start import body_start

ROOT = Path(__file__).parents[2]
LEGAL = re.compile(rb"(?:[!-9;-~]+:[^\r\n]{0,997}\r\n(?:[ \t]+[^ \t\r\n][^\r\n]*\r\n)*)*")
OFTEN = settings(max_examples=int(os.environ.get("RELAY_FUZZ", "400")), deadline=None,
                 suppress_health_check=[HealthCheck.too_slow])  # fmt: skip


def with_crlf(octets: bytes) -> bytes:
    """As `relay.message.content` hands it over: each line end is a CRLF, the last line has one."""
    return re.sub(rb"\r*\n|\r|(?<=[^\r\n])\Z", b"\r\n", octets)


# -- what devices and vandals write

WORDS = st.sampled_from([
    b"text", b"Gr\xc3\xbc\xc3\x9fe", b"Gr\xfc\xdfe", b"\x83X\x83L\x83\x83", b"=?utf-8?q?=C3=BC?=",
    b"=?iso-8859-1?Q?\xfc?=", b"\0", b"\x1b$B%9",
    b"\x1b(B", b"a@b.test", b"<a@b.test>", b"<j\xf6@b.test>", b"a@m\xc3\xbc.test", b'"M\xc3\xbc, \\"x"', b'"', b"(",
    b"(\xc3\xa4)", b")",
    b",", b";", b":", b"\\", b" ", b"\t", b"  ", b"x" * 1000, b"\xc3\xa4" * 600, b" " * 1200, b"a," * 600, b"=",
    b"?=", b"\x7f",
    b"name=\xfc.pdf", b'; filename="\xc3\xa4"', b"; charset=latin1", b"; charset=utf-8", b"; boundary=b", b"\xff",
    b"\r\n ", b"\r\n\t",
    b"Content-Type: text/plain", b" Content-Transfer-Encoding: base64",
])  # fmt: skip
NAMES = st.sampled_from([
    b"From: ", b"To:", b"to : ", b"Cc: ", b"Subject: ", b"Date: ", b"Message-ID: ", b"References: ", b"Received: ",
    b"X-A: ",
    b"Content-Type: ", b"Content-Type: text/plain", b"Content-Type: application/pdf; name=",
    b"Content-Disposition: attachment",
    b"MIME-Version: 1.0", b"Content-Transfer-Encoding: 8bit", b"From ", b"\xef\xbb\xbf", b"", b" ", b"stray ",
    b"Gr\xf6\xdfe: ", b"A b: ",
])  # fmt: skip
LINES = st.builds(lambda name, words: name + b"".join(words) + b"\r\n", NAMES, st.lists(WORDS, max_size=6))
SECTIONS = st.lists(LINES, max_size=12).map(b"".join) | st.binary(max_size=200)
BODY_LINES = st.sampled_from([
    b"--b", b"--b--", b"--i", b"--i--", b"--b ", b"", b"Content-Type: text/plain",
    b"Content-Type: multipart/mixed; boundary=i",
    b"Content-Type: multipart/signed; boundary=i", b"Content-Type: message/rfc822",
    b"Content-Type: image/png; name=\xfc",
    b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable",
    b"Content-Transfer-Encoding: 8bit",
    b"Content-Type: multipart/digest; boundary=i", b'Content-Type: a/b; name="x" Content-Transfer-Encoding: base64',
    b"S\xc3\xbcd", b"S\xfcd =", b"=C3=BC=", b"\0", b"x" * 999, b"QUJD" * 300, b"--b" * 400, b"a ", b".", b" --b",
    b"\xff" * 500,
])  # fmt: skip
BODIES = st.lists(BODY_LINES, max_size=20).map(lambda lines: b"".join(line + b"\r\n" for line in lines))
TOPS = st.sampled_from([
    b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: multipart/digest; boundary=b\r\n",
    b"Content-Type: message/rfc822\r\n",
    b"Content-Type: text/html; charset=latin1\r\n", b"Content-Type: application/pdf\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\n", b"Content-Transfer-Encoding: x-uuencode\r\n", b"",
])  # fmt: skip
MESSAGES = st.builds(
    lambda section, top, body: with_crlf(section + top + b"\r\n" + body), SECTIONS, TOPS, BODIES | st.binary()
)


def one(result: Mended) -> bytes:
    """The message as it goes out."""
    return result.section + b"\r\n" + result.body


def assert_fit(result: Mended) -> None:
    """Legal fields in ASCII, CRLF only; no NUL and no long line but in what may not be touched."""
    out = one(result)
    assert LEGAL.fullmatch(result.section), result.section
    assert result.section.isascii()
    assert b"\0" not in result.section
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", out)
    assert not has_long_line(result.section)
    if not result.left:
        assert b"\0" not in result.body
        assert not has_long_line(result.body)
    assert result.body.isascii() is not result.eight_bit


@OFTEN
@given(SECTIONS.map(with_crlf))
@example(b"To:text\r\nTo:,\r\n")
@example(b"Content-Type: \x1b(BContent-Type: text/plain\r\n")
@example(b"a," * 600 + b":\r\n")
def test_any_header_becomes_legal_and_stays_so(section: bytes) -> None:
    """Legal after one mending, untouched by a second; a clean one is untouched by the first."""
    out, repairs = mend_header(section)

    assert LEGAL.fullmatch(out), out
    assert is_clean(out)
    assert mend_header(out) == (out, ())
    assert bool(repairs) is (out not in (section, section.removesuffix(b"\r\n")))


@OFTEN
@given(MESSAGES)
def test_any_message_becomes_fit_for_exchange(message: bytes) -> None:
    """Once mended it is fit, and mending it again changes nothing."""
    first = mended(message)
    assert_fit(first)

    again = mended(one(first))
    assert one(again) == one(first)
    assert again.repairs == ()


@OFTEN
@given(MESSAGES)
def test_a_message_without_repairs_is_the_message(message: bytes) -> None:
    """No repair, no changed octet."""
    result = mended(message)
    if not result.repairs:
        assert message in (one(result), result.section, result.body)


@OFTEN
@given(MESSAGES, st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_the_plan_does_not_depend_on_how_the_octets_come(message: bytes, sizes: list[int]) -> None:
    """The network cuts where it likes."""
    start = body_start(message, complete=True) or 0
    section, body = mend_header(message[:start])[0], message[start:]
    chunks, at = [], 0
    while at < len(body):
        chunks.append(body[at : at + sizes[len(chunks) % len(sizes)]])
        at += len(chunks[-1])
    whole, cut = plan_body(section, [body]), plan_body(section, chunks)

    assert (whole.section, whole.repairs, whole.left) == (cut.section, cut.repairs, cut.left)
    assert b"".join(whole.mended([body])) == b"".join(cut.mended(chunks))


@OFTEN
@given(MESSAGES)
def test_the_start_of_the_body_does_not_change_as_more_comes(message: bytes) -> None:
    """Once told, it holds; and it is told at the end."""
    final = body_start(message, complete=True)
    for size in range(0, len(message), 1 + len(message) // 50):
        assert body_start(message[:size], complete=False) in (None, final)


# -- well-formed messages with damaged contents: Python's own parser is the judge

TEXT = st.lists(
    st.sampled_from(
        [b"S\xc3\xbcd", b"S\xfcd", b"a ", b"\t", b"x" * 1200, b"=", b"=3D", b".", b"-- b", b"\0", b"plain"]
    ),
    max_size=8,
)
CONTENTS = TEXT.map(lambda lines: b"".join(line + b"\r\n" for line in lines)) | st.binary(max_size=300).map(with_crlf)
KINDS = st.sampled_from([b"text/plain; charset=iso-8859-1", b"text/html", b"image/png", b"application/pdf; name=a"])
LEAVES = st.builds(lambda kind, content: b"Content-Type: " + kind + b"\r\n\r\n" + content, KINDS, CONTENTS)


def multipart(leaves: list[bytes]) -> bytes:
    """A multipart with these parts."""
    parts = b"".join(b"--=_b\r\n" + leaf + b"\r\n" for leaf in leaves)
    return b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="=_b"\r\n\r\n' + parts + b"--=_b--\r\n"


def contents(message: bytes) -> list[tuple[str, bytes]]:
    """Type and decoded content of each leaf."""
    leaves = (part for part in email.message_from_bytes(message).walk() if not part.is_multipart())
    return [(leaf.get_content_type(), leaf.get_payload(decode=True)) for leaf in leaves]


@OFTEN
@given(st.lists(LEAVES, min_size=1, max_size=4))
def test_every_part_decodes_to_what_it_was(leaves: list[bytes]) -> None:
    """Octet for octet, text and files alike; and nothing beyond ASCII is left."""
    message = multipart(leaves)
    result = mended(message)

    assert contents(one(result)) == contents(message)
    assert_fit(result)
    assert not result.left


@OFTEN
@given(st.lists(LEAVES, min_size=1, max_size=3), st.lists(LEAVES, min_size=1, max_size=2))
def test_attached_and_nested_messages_decode_to_what_they_were(inner: list[bytes], outer: list[bytes]) -> None:
    """A message in a message, a multipart in a multipart."""
    nested = multipart(inner).replace(b"=_b", b"=_i")
    message = multipart([*outer, b"Content-Type: message/rfc822\r\n\r\n" + nested, nested])
    result = mended(message)

    assert contents(one(result)) == contents(message)
    assert_fit(result)


# -- real messages


def corpus() -> list[Path]:
    """The samples of the repository, and those that RELAY_CORPUS names or that lie beside the checkout."""
    named = os.environ.get("RELAY_CORPUS")
    directory = Path(named) if named else ROOT.parent / "shared" / "corpus"
    found = [path for path in directory.rglob("*") if path.is_file() and path.suffix not in (".json", ".py")]
    return sorted([*(ROOT / "tests" / "e2e" / "messages").iterdir(), *found])


@pytest.mark.parametrize("path", corpus(), ids=lambda path: path.name)
def test_real_messages_are_fit_or_it_is_said_why_not(path: Path) -> None:
    """Legal, the same on a second mending, and the body untouched where no repair was needed."""
    message = with_crlf(path.read_bytes())
    result = mended(message)
    assert_fit(result)
    assert one(mended(one(result))) == one(result)
    if not result.repairs:
        assert message in (one(result), result.section, result.body)
