"""What Exchange would refuse or damage in the messages of the tests, and what a careful person would have written.

Told by hand, message by message, without a look at how the relay does it. A message that is not here needs no repair.
"""

from __future__ import annotations

import email
import re
from dataclasses import dataclass
from email.header import decode_header, make_header
from typing import TYPE_CHECKING

from tests.e2e.corpus import Parts

if TYPE_CHECKING:
    from pathlib import Path

Edit = tuple[bytes, bytes]


@dataclass(frozen=True)
class Story:
    """What the journal names; what was written and what should have been; the charset of raw octets in the header."""

    repairs: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    left: tuple[str, ...] = ()
    charset: str = "utf-8"

    def told(self, message: bytes) -> bytes:
        """The message as it should have been written; its octets beyond ASCII, NUL and long lines are still there."""
        for written, better in self.edits:
            assert written in message
            message = message.replace(written, better, 1)
        return message


def of(path: Path) -> Story:
    """The story of a message; most have none."""
    return STORIES.get(path.name, Story())


def _mbox(rest: bytes) -> Edit:
    return b"From " + rest, b"X-Mailbox-Line: " + rest


_CONTENT = b"Content-Type: text/plain\r\n"
STORIES = {
    "latin-1-and-dots.eml": Story(("header-encoded", "eight-bit-encoded", "long-lines-encoded"), charset="cp1252"),
    "two-froms.eml": Story(
        ("blank-in-name-removed", "duplicate-field-renamed"), ((b"from : <boss", b"X-Duplicate-from: <boss"),)
    ),
    "001_SpamScope_mail-parser_mail_malformed_3": Story(("gap-lines-cut",), ((b"bWw+\0\0", b"bWw+  "),)),
    "003_SpamScope_mail-parser_mail_test_12": Story(
        ("header-encoded", "eight-bit-encoded", "charset-labelled"),
        (
            (b"\r\n\tby localhost (Postfix) with ESMTP id 6", b"\tby localhost (Postfix)\r\n with ESMTP id 6"),
            (b"\r\n\tfor <dangl\xc3\xbce@", b"\tfor <dangl?e@"),
            (b"Sun, 13 May 2018 04", b"Sun, 13 May 2018\r\n 04"),
            (b"\r\nTo: dangl\xc3", b"\r\nX-Garbled-To: dangl\xc3"),
        ),
        charset="gb2312",
    ),
    "009_apache_james-mime4j_hdr-fakeout.msg": Story(
        ("empty-line-added", "blank-fold-removed"), ((b"Consulting\r\n \r\n", b"Consulting\r\n\r\n"),)
    ),
    "011_apache_james-mime4j_mp-msg-rfc822.msg": Story(("mailbox-line-renamed",), (_mbox(b"specht@kulturbox"),)),
    "019_apache_spamassassin_gb2312.2": Story(
        ("mailbox-line-renamed", "eight-bit-encoded"), (_mbox(b"bounce-debian-chinese"),)
    ),
    "021_apache_spamassassin_iso-2022-jp.2": Story(("eight-bit-encoded",)),
    "023_apache_spamassassin_015": Story(
        ("empty-line-added", "mailbox-line-renamed", "blank-fold-removed"),
        (_mbox(b"Gagnenljl@mindspring.com  "), (b'18061"\r\n \r\n', b'18061"\r\n\r\n')),
    ),
    "043_jhillyerd_enmime_non-mime-missing-charset.raw": Story(("eight-bit-encoded", "charset-labelled")),
    "047_jstedfast_MimeKit_content-length-summary.txt": Story(
        ("mailbox-line-renamed", "joined-fields-split", "duplicate-field-renamed"),
        (
            _mbox(b"- \r\n"),
            (b"\r\n   " + _CONTENT, b"\r\nX-Duplicate-" + _CONTENT),
            (b"\r\n   Content-Type: message", b"\r\nX-Duplicate-Content-Type: message"),
            (b"\r\n      " + _CONTENT, b"\r\nX-Duplicate-" + _CONTENT),
        ),
    ),
    "049_jstedfast_MimeKit_unmunged.mbox.txt": Story(
        ("bom-removed", "mailbox-line-renamed"), ((b"\xef\xbb\xbfFrom -", b"X-Mailbox-Line: -"),)
    ),
    "057_mailgun_flanker_8bitmime.eml": Story(("eight-bit-encoded",)),
    "061_mailgun_flanker_enclosed-broken.eml": Story(("blank-fold-removed",)),
    "063_mailgun_flanker_from-encoding.eml": Story(("header-encoded",), charset="cp1252"),
    "065_mailgun_flanker_long-links.eml": Story(("long-lines-encoded",)),
    "071_mikel_mail_must_supply_encoding.eml": Story(("header-encoded",)),
    "077_mikel_mail_raw_email_string_in_date_field.eml": Story(
        ("mailbox-line-renamed", "header-encoded"), (_mbox(b"mikel@me.com"),), charset="euc-kr"
    ),
    "085_php-mime-mail-parser_php-mime-mail-parser_issue126": Story(
        ("duplicate-field-renamed",),
        (
            (b".205\r\nContent-Transfer-Encoding: quoted", b".205\r\nX-Duplicate-Content-Transfer-Encoding: quoted"),
            (b"printable\r\nContent-Type: multi", b"printable\r\nX-Duplicate-Content-Type: multi"),
        ),
    ),
    "089_php-mime-mail-parser_php-mime-mail-parser_m0019": Story(left=("gap",)),
    "093_postalserver_postal_email1.msg": Story(
        ("garbled-line-named",), ((b"\r\n---\r\n", b"\r\nX-Garbled-Line: ---\r\n"),)
    ),
    "099_rspamd_rspamd_phish_sender3.eml": Story(
        ("blank-in-name-removed", "duplicate-field-renamed"), ((b"From : <admin", b"X-Duplicate-From: <admin"),)
    ),
    "111_sisimai_set-of-emails_lhost-sendmail-18.eml": Story(("mailbox-line-renamed",), (_mbox(b"MAILER-DAEMON "),)),
    "119_stalwartlabs_mail-parser_005.eml": Story(("nul-encoded",)),
    "125_zbateson_mail-mime-parser_m0010.txt": Story(
        ("duplicate-field-renamed",), ((b'From: "Should be', b'X-Duplicate-From: "Should be'),)
    ),
    "127_zbateson_mail-mime-parser_m2013.txt": Story(
        ("header-encoded", "part-header-encoded"),
        ((b"?Q?M\xfcller?=", b"?Q?M=FCller?="), (b"_Fr\xf6sche?=", b"_Fr=F6sche?=")),
        left=("encoding-unknown",),
        charset="cp1252",
    ),
    "sew_plc_alarm.eml": Story(("eight-bit-encoded",)),
    "sjis_raw_headers.eml": Story(("header-encoded",), charset="shift_jis"),
    "sql_html_one_line.eml": Story(("long-lines-encoded",)),
    "stray_blank_line.eml": Story(("empty-line-removed",), ((b"\r\n\r\nSubject: ", b"\r\nSubject: "),)),
    "toshiba_2555cse.eml": Story(
        ("part-joined-fields-split",), ((b'001.pdf" Content-Transfer', b'001.pdf"\r\nContent-Transfer'),)
    ),
}

# -- whether what arrived says the same


def assert_fit(message: bytes, story: Story) -> None:
    """Exchange takes it as it is: ASCII, no NUL, no line over 998 octets; but for what may not be touched."""
    section = Parts.of(message).section
    assert section.isascii()
    if not story.left:
        assert message.isascii()
        assert not _damaged(message)


def assert_same_body(arrived: bytes, sent: bytes) -> None:
    """A body without damage octet by octet, any other leaf by leaf as Python's own parser decodes it."""
    if not _damaged(Parts.of(sent).body):
        assert Parts.of(arrived).body == Parts.of(sent).body
    assert leaves(arrived) == leaves(sent)


def assert_same_header(arrived: bytes, sent: bytes, story: Story) -> None:
    """Field by field, those of the sections; what describes the body may change with a damaged one."""
    kept = _FIELD.findall(Parts.of(arrived).section)
    for field in _FIELD.findall(Parts.of(sent).section):
        found = next((other for other in kept if _same(other, field, story)), None)
        assert found is not None or (_DESCRIBES.match(field) and _damaged(Parts.of(sent).body)), (field, kept)
        if found is not None:
            kept.remove(found)
    assert not [field for field in kept if not _DESCRIBES.match(field)]
    assert not kept or _damaged(Parts.of(sent).body)


def leaves(message: bytes) -> list[tuple[str, bytes]]:
    """Type and decoded content of each leaf."""
    parts = (part for part in email.message_from_bytes(message).walk() if not part.is_multipart())
    return [(part.get_content_type(), part.get_payload(decode=True)) for part in parts]


_FIELD = re.compile(rb"[^\n]*\n(?:[ \t][^\n]*\n)*")
_DESCRIBES = re.compile(rb"(?i)content-type:|content-transfer-encoding:|mime-version:")


def _damaged(octets: bytes) -> bool:
    lines = octets.split(b"\r\n")
    return not octets.isascii() or b"\0" in octets or any(len(line) > 998 for line in lines)


def _same(found: bytes, sent: bytes, story: Story) -> bool:
    if sent.isascii() and not _damaged(sent):
        return found == sent
    return _text(found.decode("ascii")) == _text(sent.decode(story.charset))


def _text(field: str) -> str:
    """As a reader sees it: encoded words say the same as quotes do."""
    return "".join(str(make_header(decode_header(field))).replace('"', "").split())
