"""The subject of a message: as a person reads it, and as a hash by which it is found again without being kept.

The hash is the first 16 hex digits of the SHA-256 of the subject's UTF-8, decoded (RFC 2047), in lower case, every run
of white space one blank, none at the ends; empty where there is no subject. It finds a subject that is known; it hides
one that nobody would guess.
"""

from __future__ import annotations

from hashlib import sha256

from relay.message.header import value

_DIGITS = 16


def subject_of(section: bytes) -> str:
    """The subject decoded, white space as it came; empty where there is none. Never raises."""
    raw = (value(section, "Subject") or b"").decode("utf-8", "replace")
    return _decoded(raw) if "=?" in raw else raw


def hash_of_section(section: bytes) -> str:
    """By what a message is found whose header section this is."""
    return subject_hash(subject_of(section))


def subject_hash(text: str) -> str:
    """By what a message with this subject is found."""
    normal = " ".join(text.split()).lower()
    return sha256(normal.encode("utf-8", "replace")).hexdigest()[:_DIGITS] if normal else ""


def _decoded(raw: str) -> str:
    from email.errors import MessageError  # few subjects need them
    from email.header import decode_header, make_header

    try:
        return str(make_header(decode_header(raw)))
    except (MessageError, ValueError, LookupError):
        return raw
