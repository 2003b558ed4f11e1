"""The hash by which a message is found whose subject is known."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.subject import hash_of_section, subject_hash, subject_of

SAME = [
    b"Subject: Gr\xc3\xb6\xc3\x9fe 4711\r\n",
    b"Subject: =?utf-8?q?Gr=C3=B6=C3=9Fe?= 4711\r\n",
    b"subject:=?iso-8859-1?b?R3L232UgNDcxMQ==?=\r\n",
    b"Subject:   GR\xc3\x96\xc3\x9fE\r\n\t 4711  \r\n",
]


def test_it_is_what_the_reference_says() -> None:
    """The first 16 hex digits of SHA-256: whoever knows a subject can make it with other tools."""
    assert subject_hash("Scan 1") == hashlib.sha256(b"scan 1").hexdigest()[:16]


@pytest.mark.parametrize("section", SAME)
def test_however_a_subject_is_written_it_is_found(section: bytes) -> None:
    """Encoded or not, folded, in capitals."""
    assert hash_of_section(b"To: a@b\r\n" + section + b"From: x@y\r\n") == subject_hash("größe 4711")


def test_without_a_subject_there_is_no_hash() -> None:
    """Neither for a field that is missing nor for one that is blank."""
    assert hash_of_section(b"To: a@b\r\n") == hash_of_section(b"Subject: \r\n") == ""


@given(st.binary(max_size=200))
def test_whatever_stands_there_has_a_hash(octets: bytes) -> None:
    """Broken encoded words and unknown charsets too: a device's mail never fails for its subject."""
    section = b"Subject: =?x?q?" + octets.replace(b"\n", b" ") + b"?=\r\n"
    assert len(hash_of_section(section)) == 16
    assert isinstance(subject_of(section), str)
