"""Octets of a part written anew while they stream; what a client decodes stays the same (RFC 2045 §6.7, §6.8).

Each writer takes whole lines, or pieces of very long ones, by `feed`, and gives the rest at `close`; `delimited` says
that a boundary follows, to which the last line end belongs.
"""

from __future__ import annotations

import re
from binascii import b2a_base64, b2a_qp
from typing import Protocol

from relay.message.mend_fold import LONGEST

_LINE = 57  # octets that make 76 of base64
_LONG = re.compile(rb"[^\r\n]{%d,}" % (LONGEST + 1))
_LONG_GAP = re.compile(rb"[^\r\n]{%d,}" % LONGEST)
_NOT_ASCII = re.compile(rb"[\x00\x80-\xff]+")
_SPURIOUS_BOUNDARY = re.compile(rb"(?<==\r\n)--(?=[^\r\n]{0,72}(?:\r\n|\Z))")
_QP_ATOMS = re.compile(rb"(?:=[0-9A-Fa-f]{2}|[^\r\n]){1,70}")
_CUT_ESCAPE = re.compile(rb"=[0-9A-Fa-f]?\Z")
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NO_BASE64 = bytes(sorted(set(range(256)) - set(_ALPHABET)))
_NUL_OR_8BIT = bytes((0, *range(128, 256)))


class Writer(Protocol):
    """Takes the content of one part, gives it in its new form."""

    def feed(self, data: bytes) -> bytes: ...

    def close(self, *, delimited: bool) -> bytes: ...


class AsItIs:
    """Content that needs nothing, or that nobody may touch."""

    def feed(self, data: bytes) -> bytes:
        return data

    def close(self, *, delimited: bool) -> bytes:  # noqa: ARG002
        return b""


class QuotedPrintable(AsItIs):
    """Identity to quoted-printable; line ends stay line ends."""

    def feed(self, data: bytes) -> bytes:
        lines = data.replace(b"\r\n", b"\n")
        encoded = b2a_qp(lines, istext=True).replace(b"\n", b"\r\n")
        if not data.endswith(b"\n"):
            encoded += b"=\r\n"
        return _SPURIOUS_BOUNDARY.sub(b"=2D-", encoded)


class Base64:
    """Identity to base64, octet for octet."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        data = self._rest + data
        cut = max(0, len(data) - 2) // _LINE * _LINE
        self._rest = data[cut:]
        return _lines(data[:cut])

    def close(self, *, delimited: bool) -> bytes:
        return _lines(self._rest.removesuffix(b"\r\n") if delimited else self._rest)


def _lines(octets: bytes) -> bytes:
    text = b2a_base64(octets, newline=False)
    return b"".join(text[at : at + 76] + b"\r\n" for at in range(0, len(text), 76))


class Base64Lines:
    """Base64 whose lines are too long, or have octets in them that every decoder skips."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        data = self._rest + data.translate(None, _NUL_OR_8BIT)
        cut = data.rfind(b"\n") + 1
        data, tail = data[:cut], data[cut:]
        if len(tail) > LONGEST:
            tail = tail.translate(None, _NO_BASE64)
            whole = len(tail) // 76 * 76
            data, tail = data + tail[:whole] + b"\r\n" * bool(whole), tail[whole:]
        self._rest = tail
        return _LONG.sub(_in_lines, data)

    def close(self, *, delimited: bool) -> bytes:  # noqa: ARG002
        return _LONG.sub(_in_lines, self._rest)


def _in_lines(match: re.Match[bytes]) -> bytes:
    text = match[0].translate(None, _NO_BASE64)
    return b"\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))


class QuotedPrintableLines:
    """Quoted-printable with raw octets in it or lines too long."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        data = self._rest + data
        cut = _CUT_ESCAPE.search(data)
        self._rest = data[cut.start() :] if cut else b""
        return self._broken(data[: cut.start()] if cut else data)

    def close(self, *, delimited: bool) -> bytes:  # noqa: ARG002
        return self._rest

    def _broken(self, data: bytes) -> bytes:
        data = _LONG.sub(_softly, _NOT_ASCII.sub(_escaped, data))
        if data and not data.endswith(b"\n"):
            data += b"=\r\n"
        return data


def _escaped(match: re.Match[bytes]) -> bytes:
    return b"=" + match[0].hex("=").upper().encode()


def _softly(match: re.Match[bytes]) -> bytes:
    return _SPURIOUS_BOUNDARY.sub(b"=2D-", b"=\r\n".join(_QP_ATOMS.findall(match[0])))


class GapLines(AsItIs):
    """What no client shows: NUL becomes a blank, a long line several; a blank in front, so that none is a boundary."""

    def feed(self, data: bytes) -> bytes:
        mended = _LONG_GAP.sub(_hard, data.replace(b"\0", b" "))
        return mended if len(data) < LONGEST or data.endswith(b"\n") else mended + b"\r\n "


def _hard(match: re.Match[bytes]) -> bytes:
    width = LONGEST - 1
    return b"\r\n ".join(match[0][at : at + width] for at in range(0, len(match[0]), width))
