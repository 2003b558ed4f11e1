"""What a scanner sends: a MIME message whose attachment is base64 in lines of 76 characters (RFC 2045 §6.8)."""

from __future__ import annotations

from base64 import b64encode
from random import Random

_LINE = 76
_HEAD = """\
From: scanner@contoso.example\r
To: office@contoso.example\r
Subject: Scan {number}\r
Date: Mon, 02 Jun 2025 08:00:00 +0000\r
Message-ID: <{number}@copier.contoso.example>\r
MIME-Version: 1.0\r
Content-Type: application/pdf; name="scan.pdf"\r
Content-Transfer-Encoding: base64\r
\r
"""


def head_of(number: str) -> bytes:
    """The header section of one message, blank line included; `number` makes it unlike all others."""
    return _HEAD.format(number=number).encode()


def body_of(octets: int) -> bytes:
    """Base64 text of exactly this length (at least 2), in CRLF lines, none with a dot. The same every time."""
    text = b64encode(Random(octets).randbytes(57 * 1024))  # a few hundred lines, repeated: nobody compresses it
    lines = b"".join(text[at : at + _LINE] + b"\r\n" for at in range(0, len(text), _LINE))
    whole = lines * (octets // len(lines) + 1)
    return whole[: octets - 2].rstrip(b"\r\n").ljust(octets - 2, b"=") + b"\r\n"
