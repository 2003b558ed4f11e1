"""Where the body starts, also when the empty line is missing or stands in the wrong place."""

import pytest

from relay.message.header import body_offset
from relay.message.mend_header import mend_header
from relay.message.mend_start import body_start

HEADER = b"From: a@b.test\r\nTo: c@d.test\r\nSubject: x\r\n"

CLEAN = {
    "text with colons": HEADER + b"\r\nTime: 12:00\r\nPressure: high\r\n\r\nend\r\n",
    "text with a date": HEADER + b"\r\nDate: 2026-11-23\r\nTime: 12:00\r\n\r\nend\r\n",
    "quoted header of another mail": HEADER + b"\r\nFrom: x@y.test\r\nSubject: old\r\nDate: then\r\n\r\ntext\r\n",
    "forwarded message": HEADER + b"Content-Type: message/rfc822\r\n\r\nMIME-Version: 1.0\r\nX-A: b\r\n\r\ntext\r\n",
    "declared body": HEADER + b"Content-Type: text/plain\r\n\r\nMIME-Version: 1.0\r\n\r\ntext\r\n",
    "no header": b"ALARM tank 3 high level\r\nvalue 93 %\r\n",
    "no body": HEADER,
    "one paragraph": HEADER + b"\r\nMIME-Version: 1.0\r\n",
}


@pytest.mark.parametrize("case", CLEAN)
@pytest.mark.parametrize("complete", [True, False])
def test_text_is_never_taken_for_a_header(case: str, complete: bool) -> None:
    """The same place as without any repair, as soon as it is known at all."""
    found = body_start(CLEAN[case], complete=complete)
    assert found == body_offset(CLEAN[case], complete=complete) or (found is None and not complete)


BROKEN = {
    "stray empty line": (b"To: c@d.test\r\n\r\nSubject: x\r\nMIME-Version: 1.0\r\n", b"\r\ntext\r\n"),
    "empty line first": (b"\r\nFrom: a@b.test\r\nSubject: x\r\n", b"\r\ntext\r\n"),
    "byte order mark and one field": (b"\xef\xbb\xbfSubject: x\r\n", b"\r\ntext\r\n"),
    "two stray empty lines": (
        b"To: c@d.test\r\n\r\nMIME-Version: 1.0\r\n\r\nContent-Type: text/plain\r\n",
        b"\r\nhi\r\n",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_looks_like_the_end_of_the_header_does_not_end_it(case: str) -> None:
    """Behind a stray empty line, fields of mail that are missing above, and a proof that they are a header."""
    head, rest = BROKEN[case]
    assert body_start(head + rest, complete=True) == len(head) + 2


@pytest.mark.parametrize("case", BROKEN)
def test_the_answer_does_not_depend_on_how_much_has_come(case: str) -> None:
    """While octets come one by one, None until it is known, then the same for good."""
    data = b"".join(BROKEN[case])
    final = body_start(data, complete=True)
    assert {body_start(data[:size], complete=False) for size in range(len(data) + 1)} == {None, final}


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (HEADER, b"Good day,\r\nall is well\r\n\r\nBob\r\n"),
        (
            b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b=:1\r\n",
            b"--b=:1\r\nContent-Type: text/plain\r\n\r\nx\r\n",
        ),
    ],
    ids=["text", "boundary"],
)
def test_a_forgotten_empty_line_is_put_where_the_fields_end(head: bytes, body: bytes) -> None:
    """As Postfix does: what is no field begins the body."""
    assert body_start(head + body, complete=True) == len(head)
    assert mend_header(head, has_body=True) == (head, ("empty-line-added",))


@pytest.mark.parametrize(
    "stray",
    [b"stray text\r\nMIME-Version: 1.0\r\n", b"Content-Type: multipart/mixed;\r\nboundary=b\r\n"],
    ids=["text", "fold"],
)
def test_a_stray_line_between_fields_belongs_to_the_header(stray: bytes) -> None:
    """Fields of mail follow, or it is a fold that lost its indentation."""
    head = HEADER + stray + b"\r\n"
    assert body_start(head + b"text\r\n", complete=True) == len(head)
