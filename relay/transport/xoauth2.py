"""SASL XOAUTH2 in bytes (Microsoft: "Authenticate an IMAP, POP or SMTP connection using OAuth")."""

from __future__ import annotations

import base64
import binascii

COMMAND = b"AUTH XOAUTH2"
MAX_COMMAND_LINE = 512  # RFC 4954 §4, the CRLF included; servers answer "line too long" or cut the token


def response(mailbox: str, token: str) -> bytes:
    """The mailbox and its token as the mechanism wants them, in base64."""
    return base64.b64encode(f"user={mailbox}\x01auth=Bearer {token}\x01\x01".encode())


def fits_one_line(encoded: bytes) -> bool:
    """Whether the response may ride on the AUTH command; else it follows the server's 334."""
    return len(COMMAND) + 1 + len(encoded) + 2 <= MAX_COMMAND_LINE


def challenge_text(text: str) -> str:
    """What a 334 error challenge says, readable: base64 JSON as a rule, else as it came."""
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return text
