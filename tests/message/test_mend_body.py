"""Bodies that Exchange refuses or damages are written anew, part by part; what is decoded stays the same."""

import email
import re

import pytest

from relay.message.mend import mended
from relay.message.mend_body import Plan, Watch, plan_body
from relay.message.mend_fold import has_long_line

TOP = b"From: a@b.test\r\nMIME-Version: 1.0\r\n"
MIXED = TOP + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
PDF = b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n"


def whole(message: bytes) -> bytes:
    """The message as it is sent."""
    result = mended(message)
    return result.section + b"\r\n" + result.body


def contents(message: bytes) -> list[tuple[str, bytes]]:
    """Type and decoded content of each leaf, as Python's own parser reads them."""
    leaves = (part for part in email.message_from_bytes(message).walk() if not part.is_multipart())
    return [(leaf.get_content_type(), leaf.get_payload(decode=True)) for leaf in leaves]


def assert_same_for_the_reader(message: bytes) -> None:
    """Every part decodes to what it was, and the message is fit for Exchange."""
    after = whole(message)
    assert contents(after) == contents(message)
    assert after.isascii()
    assert b"\0" not in after
    assert not has_long_line(after)


PLAIN = TOP + b"\r\n"
QP = TOP + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
SUED = b"S\xc3\xbcd und Nord\r\n"
END = b"--b--\r\n"


def part(section: bytes, content: bytes) -> bytes:
    """One part of the multipart whose boundary is b."""
    return b"--b\r\n" + section + b"\r\n" + content


INNER = b"--i j\r\n\r\n" + SUED + b"--i j--\r\n\r\n"
IMAGE = b"Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n"
ATTACHED = b"Subject: x\r\n\r\n" + SUED

DAMAGED = {
    "text beyond ASCII": (PLAIN + SUED, "eight-bit-encoded"),
    "Cyrillic text": (TOP + b"Content-Type: text/plain; charset=koi8-r\r\n\r\n\xef\xd4\xde\r\n", "eight-bit-encoded"),
    "a long line of HTML": (
        TOP + b"Content-Type: text/html\r\n\r\n" + b"<b>0</b>" * 400 + b"\r\n",
        "long-lines-encoded",
    ),
    "a line longer than any buffer": (PLAIN + b"0123456789" * 30_000 + b"\r\nend\r\n", "long-lines-encoded"),
    "NUL in a text": (PLAIN + b"a\0b\r\n", "nul-encoded"),
    "raw octets in a file": (MIXED + part(IMAGE, b"\x89PNG\r\n\r\n") + END, "eight-bit-encoded"),
    "base64 on one line": (MIXED + b"--b\r\n" + PDF.replace(b"JVB", b"QUJD" * 50_000 + b"JVB") + END, "base64-wrapped"),
    "raw octets in quoted-printable": (QP + b"f=FCr S\xfcd=20\r\n", "quoted-printable-repaired"),
    "long quoted-printable": (QP + b"=C3=A4 " * 20_000 + b"=\r\n!\r\n", "quoted-printable-repaired"),
    "trailing blanks and dots": (PLAIN + b"x" * 999 + b"\r\na  \r\n.\r\n..\r\n\t\r\n--\r\n", "long-lines-encoded"),
    "an attached message": (MIXED + part(b"Content-Type: message/rfc822\r\n", ATTACHED) + END, "eight-bit-encoded"),
    "a digest": (MIXED.replace(b"mixed", b"digest") + part(b"", ATTACHED) + END, "eight-bit-encoded"),
    "a multipart in a multipart": (
        MIXED + part(b'Content-Type: multipart/mixed; boundary="i j"\r\n', INNER) + b"--b\r\n" + PDF + END,
        "eight-bit-encoded",
    ),
    "boundaries inside long lines": (
        MIXED + part(b"", b"x" * 75 + b"--b" + b"y" * 900 + b"\r\n" + b"z" * 1050 + b"--b\r\n") + END,
        "long-lines-encoded",
    ),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_part_decodes_to_the_same_content(case: str) -> None:
    """Each damage has a name for the journal."""
    message, name = DAMAGED[case]
    assert_same_for_the_reader(message)
    assert name in mended(message).repairs


@pytest.mark.parametrize("case", DAMAGED)
def test_a_mended_message_needs_no_second_mending(case: str) -> None:
    """Nothing is done twice."""
    after = whole(DAMAGED[case][0])
    assert whole(after) == after
    assert mended(after).repairs == ()


@pytest.mark.parametrize("case", DAMAGED)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_it_does_not_matter_how_the_octets_are_cut(case: str, size: int) -> None:
    """Neither for what is seen nor for what is written."""
    message, _ = DAMAGED[case]
    head, body = (MIXED, message[len(MIXED) :]) if b"--b" in message else message.split(b"\r\n\r\n", 1)
    chunks = [body[at : at + size] for at in range(0, min(len(body), 3000 * size), size)]
    watch = Watch()
    for chunk in chunks:
        watch.see(chunk)
    section = head.removesuffix(b"\r\n\r\n") + b"\r\n"
    plan, other = plan_body(section, chunks), plan_body(section, [b"".join(chunks)])

    assert watch.damaged
    assert plan.section == other.section
    assert contents(sent(plan, chunks)) == contents(sent(other, [b"".join(chunks)]))


def sent(plan: Plan, chunks: list[bytes]) -> bytes:
    """The message as the plan has it."""
    return plan.section + b"\r\n" + b"".join(plan.mended(chunks))


SEALED = {
    "signed": part(
        b"Content-Type: multipart/signed; boundary=s\r\n", b"--s\r\n\r\nS\xfcd\r\n--s\r\n\r\nsig\r\n--s--\r\n"
    ),
    "encrypted": b"--b\r\nContent-Type: application/pkcs7-mime\r\n\r\n\x80\x81\r\n",
    "signed in the text": b"--b\r\n\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nS\xfcd\r\n",
    "unknown encoding": b"--b\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 600 S\xfcd\r\n",
    "piece of a message": b"--b\r\nContent-Type: message/partial\r\n\r\nS\xfcd\r\n",
    "header without an end": b"--b\r\nContent-Type: text/plain\r\nS\xfcd\r\n",
}


@pytest.mark.parametrize("case", SEALED)
def test_what_may_not_be_touched_stays_while_others_are_mended(case: str) -> None:
    """Signed, encrypted and unknown parts keep every octet, and it is said why."""
    result = mended(MIXED + SEALED[case] + b"--b\r\n\r\nNord und S\xfcd\r\n--b--\r\n")

    assert SEALED[case] in result.body
    assert b"Nord und S=FCd" in result.body
    assert result.left
    assert result.eight_bit


def test_a_signed_message_stays_as_it_is() -> None:
    """RFC 1847: not one octet."""
    body = b"--b\r\n\r\nS\xfcd\r\n--b\r\n\r\nsig\r\n--b--\r\n"
    result = mended(TOP + b"Content-Type: multipart/signed; boundary=b\r\n\r\n" + body)
    assert (result.body, result.repairs, result.left) == (body, (), ("signed",))


LABELS = {
    "none, UTF-8": ("", "Süd", "utf-8", "utf-8"),
    "none, Windows": ("", "Süd", "cp1252", "windows-1252"),
    "none, Japanese": ("", "スキャン", "cp932", "shift_jis"),
    "us-ascii": ("; charset=us-ascii", "Süd", "utf-8", "utf-8"),
    "wrong": ('; charset="utf-8"; format=flowed', "Süd", "cp1252", "windows-1252"),
    "right": ("; charset=iso-8859-2", "Süd", "iso-8859-2", "iso-8859-2"),
}


@pytest.mark.parametrize("case", LABELS)
def test_a_text_gets_the_charset_it_is_in(case: str) -> None:
    """A declared one is believed unless it can't be."""
    label, text, charset, wanted = LABELS[case]
    raw = TOP + f"Content-Type: text/plain{label}\r\n\r\n".encode() + text.encode(charset) + b"\r\n"
    part = email.message_from_bytes(whole(raw))

    assert part.get_content_charset() == wanted
    assert part.get_payload(decode=True) == text.encode(charset) + b"\r\n"


def test_html_says_itself_what_it_is() -> None:
    """A label that contradicts the page would make it unreadable."""
    page = '<meta charset="iso-8859-2"><p>Łódź'.encode("iso-8859-2")
    part = email.message_from_bytes(whole(TOP + b"Content-Type: text/html\r\n\r\n" + page + b"\r\n"))
    assert part.get_content_charset() == "iso-8859-2"


def test_a_plain_message_without_mime_gets_its_fields() -> None:
    """Without MIME-Version nobody has to believe an encoding (RFC 2045 §4)."""
    section = mended("Subject: x\r\n\r\nSüd und Nord\r\n".encode()).section
    assert section == (
        b"Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n"
    )


def test_two_fields_on_one_line_of_a_part() -> None:
    """Toshiba's copiers: the PDF would arrive as text."""
    part = PDF.replace(b"\r\nContent-Transfer", b'; name="D.pdf" Content-Transfer', 1)
    result = mended(MIXED + b"--b\r\n" + part + b"--b--\r\n")
    assert result.repairs == ("part-joined-fields-split",)
    assert contents(result.section + b"\r\n" + result.body) == [("application/pdf", b"%PDF-1.4\n")]


def test_file_names_of_parts_are_encoded() -> None:
    """The header of a part is a header too."""
    part = 'Content-Disposition: attachment; filename="Größe.pdf"\r\n'.encode() + PDF
    result = mended(MIXED + b"--b\r\n" + part + b"--b--\r\n")
    message = email.message_from_bytes(result.section + b"\r\n" + result.body)
    assert [leaf.get_filename() for leaf in message.walk()] == [None, "Größe.pdf"]


def test_what_no_client_shows_only_has_its_lines_cut() -> None:
    """A preamble may say what it likes, but not in lines of a kilobyte; none of its lines becomes a boundary."""
    gap = b"x" * 997 + b"--b\r\n" + b"\xe4\0y" * 400 + b"\r\n"
    result = mended(MIXED + gap + b"--b\r\n\r\ntext\r\n--b--\r\n")

    assert contents(result.section + b"\r\n" + result.body) == [("text/plain", b"text")]
    assert not has_long_line(result.body)
    assert (result.repairs, result.left) == (("gap-lines-cut",), ("gap",))


def test_a_message_of_too_many_parts_is_left_alone() -> None:
    """Nobody can make the relay keep notes on millions of parts."""
    body = b"--b\r\n\r\nS\xfcd\r\n" * 10_100
    result = mended(MIXED + body)
    assert (result.body, result.left) == (body, ("too-many-parts",))


@pytest.mark.parametrize("line", [b"a" * 998 + b"\r\n", b"a" * 999 + b"\r\n"])
@pytest.mark.parametrize("size", [1, 100, 998, 999, 1000, 5000])
def test_the_longest_legal_line_is_998_octets(line: bytes, size: int) -> None:
    """However the octets are cut."""
    data = b"short\r\n" + line + b"short\r\n"
    watch = Watch()
    for at in range(0, len(data), size):
        watch.see(data[at : at + size])
    assert watch.damaged is (len(line) > 1000)


def test_a_clean_body_is_not_damaged() -> None:
    """Base64, text and boundaries pass without a second look."""
    watch = Watch()
    watch.see(b"--b\r\n" + PDF + b"--b--\r\n" + re.sub(rb"(?s)(.{76})", rb"\1\r\n", b"QUJD" * 20_000))
    assert not watch.damaged
