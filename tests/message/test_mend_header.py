"""Header sections that Exchange refuses become legal; clean ones stay as they are, octet for octet."""

import email
import email.policy
from email.header import decode_header, make_header

import pytest

from relay.message.mend_header import is_clean, mend_header

CLEAN = b"""\
Received: from copier ([10.0.2.17])\r
\tby relay.test with ESMTP id 01J;\r
\tMon, 23 Nov 2026 08:00:00 +0000\r
Received: from a by b; Mon, 23 Nov 2026 08:00:00 +0000\r
From: "M\\"x" <copier@contoso.test>\r
To: ann@contoso.test, bob@contoso.test\r
Subject: =?utf-8?q?M=C3=BCller?= Content-Type: of the contract\r
X-Mailer:Netburner\r
Content-Type: multipart/mixed;\r
 boundary="==a Content-Type: b"\r
"""


def test_a_clean_section_stays_as_it_is() -> None:
    """Folds, missing blanks behind a colon, text that looks like a field: all legal, all untouched."""
    assert is_clean(CLEAN)
    assert mend_header(CLEAN + b"\r\n") == (CLEAN, ())


CASES = {
    "byte order mark": (b"\xef\xbb\xbfFrom: a@b\r\n", b"From: a@b\r\n", "bom-removed"),
    "mbox line": (
        b"From a@b Thu Jan  1 00:00:00 1970\r\nTo: c@d\r\n",
        b"X-Mailbox-Line: a@b Thu Jan  1 00:00:00 1970\r\nTo: c@d\r\n",
        "mailbox-line-renamed",
    ),
    "NUL": (b"Subject: a\0b\r\n", b"Subject: ab\r\n", "control-octets-removed"),
    "other control octets": (b"Subject: a\x07b\r\n", b"Subject: a b\r\n", "control-octets-removed"),
    "stray empty line": (b"To: a@b\r\n\r\nFrom: c@d\r\n", b"To: a@b\r\nFrom: c@d\r\n", "empty-line-removed"),
    "line of blanks": (b"Subject: a\r\n \t\r\nTo: c@d\r\n", b"Subject: a\r\nTo: c@d\r\n", "blank-fold-removed"),
    "fold without indentation": (
        b'Content-Type: multipart/mixed;\r\nboundary="x"\r\n',
        b'Content-Type: multipart/mixed;\r\n\tboundary="x"\r\n',
        "continuation-indented",
    ),
    "stray text": (
        b"To: a@b\r\nhello world\r\nFrom: c@d\r\n",
        b"To: a@b\r\nX-Garbled-Line: hello world\r\nFrom: c@d\r\n",
        "garbled-line-named",
    ),
    "fold before the first field": (b" a\r\nTo: a@b\r\n", b"X-Garbled-Line: a\r\nTo: a@b\r\n", "garbled-line-named"),
    "blank before the colon": (b"From : a@b\r\n", b"From: a@b\r\n", "blank-in-name-removed"),
    "two fields on one line": (
        b'Content-Type: application/pdf; name="a" Content-Transfer-Encoding: base64\r\n',
        b'Content-Type: application/pdf; name="a"\r\nContent-Transfer-Encoding: base64\r\n',
        "joined-fields-split",
    ),
    "recipients in two fields": (
        b"To: a@b\r\nSubject: x\r\nto: c@d, e@f\r\n",
        b"To: a@b,\r\n c@d, e@f\r\nSubject: x\r\n",
        "recipients-merged",
    ),
    "two subjects": (
        b"Subject: a\r\nSubject: b\r\nsubject: c\r\n",
        b"Subject: a\r\nX-Duplicate-Subject: b\r\nX-Duplicate-subject: c\r\n",
        "duplicate-field-renamed",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_damage_has_its_repair(case: str) -> None:
    """One damage, one repair, one name; mended once, the section is clean."""
    damaged, wanted, name = CASES[case]
    assert mend_header(damaged) == (wanted, (name,))
    assert is_clean(wanted)


def told(section: bytes, name: str) -> str:
    """What a client shows of a field."""
    return str(make_header(decode_header(email.message_from_bytes(section + b"\r\n")[name])))


TEXTS = {
    "utf-8": ("Störung Pumpe 3 – Halle Süd", "utf-8", ""),
    "windows-1252": ("Störung „Pumpe“", "windows-1252", ""),
    "shift_jis, not declared": ("スキャンデータ 2026年11月", "shift_jis", ""),
    "gb2312, declared": ("扫描文件", "gb2312", "gb2312"),
    "koi8-r, declared": ("Отчёт 5", "koi8-r", "KOI8-R"),
    "iso-2022-jp": ("複合機 2", "iso-2022-jp", ""),
    "utf-8 though latin-1 is declared": ("Grüße", "utf-8", "iso-8859-1"),
}


@pytest.mark.parametrize("case", TEXTS)
def test_raw_text_is_shown_as_the_device_meant_it(case: str) -> None:
    """The declared charset, UTF-8, Shift_JIS by its looks, or Windows-1252."""
    text, charset, declared = TEXTS[case]
    label = f"Content-Type: text/plain; charset={declared}\r\n".encode() if declared else b""
    section, repairs = mend_header(b"Subject: " + text.encode(charset) + b"\r\n" + label)

    assert told(section, "Subject") == text
    assert repairs == ("header-encoded",)
    assert is_clean(section)


def test_a_long_text_becomes_words_of_legal_length() -> None:
    """RFC 2047 §2: 75 characters a word, 76 a line; no character is cut in two."""
    text = "Überlänge € " * 60
    section, _ = mend_header(b"Subject: " + text.encode() + b"\r\n")

    assert told(section, "Subject").split() == text.split()
    assert max(map(len, section.split(b"\r\n"))) <= 76


def test_encoded_words_beside_raw_text_stay() -> None:
    """What was right is not written anew, and no blank gets lost between the two."""
    section, _ = mend_header("Subject: =?iso-8859-1?q?f=FCr?= Süd Nord\r\n".encode())

    assert b"=?iso-8859-1?q?f=FCr?=" in section
    assert told(section, "Subject") == "für Süd Nord"


def test_raw_octets_in_an_encoded_word_are_encoded_there() -> None:
    """A device that knows half of RFC 2047."""
    assert mend_header(b"Subject: =?iso-8859-1?Q?Fr\xf6sche?=\r\n")[0] == b"Subject: =?iso-8859-1?Q?Fr=F6sche?=\r\n"


ADDRESSES = {
    "bare name": ("Müller & Söhne <erp@b.test>", "Müller & Söhne", "erp@b.test"),
    "quoted name": ('"Müller, \\"Hans\\"" <erp@b.test>', 'Müller, "Hans"', "erp@b.test"),
    "second of two": ("ann@b.test, Bäcker <c@b.test>", "Bäcker", "c@b.test"),
    "no blank before the bracket": ('"Ä"<c@b.test>', "Ä", "c@b.test"),
    "domain": ("Ann <ann@münchen.test>", "Ann", "ann@xn--mnchen-3ya.test"),
}


@pytest.mark.parametrize("case", ADDRESSES)
def test_a_display_name_is_encoded_and_its_address_stays(case: str) -> None:
    """Names as encoded words, domains as IDNA, everything else untouched."""
    raw, name, address = ADDRESSES[case]
    section, _ = mend_header(f"To: {raw}\r\n".encode())
    last = email.message_from_bytes(section + b"\r\n", policy=email.policy.default)["To"].addresses[-1]

    assert (last.display_name, last.addr_spec) == (name, address)


def test_an_address_that_is_not_ascii_is_kept_under_another_name() -> None:
    """Exchange has no SMTPUTF8: nothing legal can be written."""
    section, _ = mend_header("To: jörg@b.test\r\nFrom: a@b.test\r\n".encode())
    assert section.startswith(b"X-Garbled-To: =?utf-8?")
    assert section.endswith(b"\r\nFrom: a@b.test\r\n")


def test_file_names_are_written_for_outlook_and_for_the_rest() -> None:
    """RFC 2231 in Content-Disposition, quoted encoded words in the name of Content-Type."""
    section, _ = mend_header(
        'Content-Type: application/pdf; name="Größe 1.pdf"; x=1\r\n'
        "Content-Disposition: attachment; filename=Größe.pdf; size=5\r\n".encode()
    )
    part = email.message_from_bytes(section + b"\r\n")

    assert str(make_header(decode_header(part.get_param("name")))) == "Größe 1.pdf"
    assert part.get_filename() == "Größe.pdf"
    assert (part.get_param("x"), part.get_param("size", header="content-disposition")) == ("1", "5")


def test_a_comment_in_a_date_is_encoded_within_the_comment() -> None:
    """The date itself must stay readable."""
    section, _ = mend_header("Date: Sat, 20 Sep 2008 20:04:30 +0300 (Mitteleuropäische Zeit)\r\n".encode())
    assert section.startswith(b"Date: Sat, 20 Sep 2008 20:04:30 +0300\r\n (=?utf-8?q?Mittel")


LONG = {
    "words": (b"Subject: " + b"word " * 400 + b"\r\n", b"word"),
    "recipients without blanks": (
        b"To: " + b",".join([b"someone@contoso.test"] * 200) + b"\r\n",
        b"someone@contoso.test",
    ),
    "references": (b"References: " + b"<a-message@contoso.test>" * 100 + b"\r\n", b"<a-message@contoso.test>"),
}


@pytest.mark.parametrize("case", LONG)
def test_a_long_line_is_folded_between_its_words(case: str) -> None:
    """998 octets are the law (RFC 5322 §2.1.1); no word is lost or cut."""
    raw, word = LONG[case]
    section, repairs = mend_header(raw)

    assert section.count(word) == raw.count(word)
    assert max(map(len, section.split(b"\r\n"))) <= 78
    assert repairs == ("header-folded",)
    assert is_clean(section)


def test_a_word_that_no_line_can_hold_is_encoded() -> None:
    """Encoded words join again without a blank."""
    section, _ = mend_header(b"Subject: see " + b"x" * 3000 + b"\r\n")
    assert told(section, "Subject") == "see " + "x" * 3000
