"""Content sealed with AES-256-GCM in chunks, so that it is written and read in a stream (STREAM, as age has it).

Sealed octets are a mark, a salt, and chunks of 64 KiB, each with its tag. Every seal has a key of its own, derived from
the master key, the salt, and what the content belongs to: it opens for nothing else. The nonce of a chunk is its number
and whether it is the last one: none can be left out, exchanged or cut off unseen. What is not as it was sealed raises
`OSError` (EBADMSG), and not one octet of such a chunk is handed out.
"""

from __future__ import annotations

import errno
import hmac
import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CHUNK = 64 * 1024
_MARK = b"RSP1"
_SALT = 32
_HEADER = len(_MARK) + _SALT
_TAG = 16


def sealed_size(size: int) -> int:
    """How many octets so many have when they are sealed."""
    return _HEADER + size + _TAG * _chunks(size)


def plain_size(sealed: int) -> int:
    """The other way round; below 0 for what is shorter than any seal."""
    octets = sealed - _HEADER
    return octets - _TAG * -(-octets // (CHUNK + _TAG))


class Sealer:
    """Seals one content; `owner` says what it belongs to. Never used for a second one."""

    def __init__(self, key: bytes, owner: bytes) -> None:
        salt = os.urandom(_SALT)
        self._cipher = _cipher(key, salt, owner)
        self._header = _MARK + salt
        self._buffer = memoryview(bytearray(CHUNK))
        self._filled = 0
        self._number = 0

    def update(self, octets: bytes) -> Iterator[bytes]:
        """What can be written by now: a chunk is held back until it is known whether it is the last."""
        left = memoryview(octets)
        while left:
            if self._filled == CHUNK:
                yield from self._sealed(last=False)
            taken = left[: CHUNK - self._filled]
            self._buffer[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            left = left[len(taken) :]

    def finish(self) -> Iterator[bytes]:
        """The rest. Nothing may follow."""
        return self._sealed(last=True)

    def _sealed(self, *, last: bool) -> Iterator[bytes]:
        if not self._number:
            yield self._header
        nonce, octets = _nonce(self._number, last=last), self._buffer[: self._filled]
        self._number += 1
        self._filled = 0
        yield self._cipher.encrypt(nonce, octets, None)


class SealedReader:
    """Opens what was sealed, chunk by chunk; `size` is how many octets there were before."""

    def __init__(self, file: BinaryIO, size: int, key: bytes, owner: bytes) -> None:
        """Raises `OSError`."""
        file.seek(0)
        header = file.read(_HEADER)
        if len(header) != _HEADER or not header.startswith(_MARK) or size < 0:
            raise damaged()
        self._file = file
        self._size = size
        self._cipher = _cipher(key, header[len(_MARK) :], owner)
        self._next = 0

    def read(self, most: int, /) -> bytes:
        """The octets that follow, about as many as asked for; empty at the end. Raises `OSError`."""
        upto = min(self._next + max(1, most // CHUNK), _chunks(self._size))
        octets = b"".join(self._opened(number) for number in range(self._next, upto))
        self._next = upto
        return octets

    def tail(self) -> bytes:
        """The last two octets, wherever one has read to. Raises `OSError`."""
        first = max(0, self._size - 2) // CHUNK
        return b"".join(self._opened(number) for number in range(first, _chunks(self._size)))[-2:]

    def close(self) -> None:
        self._file.close()

    def _opened(self, number: int) -> bytes:
        from cryptography.exceptions import InvalidTag

        last = number == _chunks(self._size) - 1
        length = self._size - number * CHUNK if last else CHUNK
        self._file.seek(_HEADER + number * (CHUNK + _TAG))
        sealed = self._file.read(length + _TAG)
        try:
            return self._cipher.decrypt(_nonce(number, last=last), sealed, None)
        except (InvalidTag, ValueError):
            raise damaged() from None


def damaged() -> OSError:
    """What is raised for octets that nobody sealed so."""
    return OSError(errno.EBADMSG, "it is not what was sealed: altered, cut short, or of another message")


def _chunks(size: int) -> int:
    """An empty content has one chunk too: its tag says that it is empty."""
    return max(1, -(-size // CHUNK))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _cipher(key: bytes, salt: bytes, owner: bytes) -> AESGCM:
    """HKDF with SHA-256 (RFC 5869), one block long."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # slow to import, and only who encrypts needs it

    extracted = hmac.digest(salt, key, "sha256")
    return AESGCM(hmac.digest(extracted, b"relay spool\0" + owner + b"\x01", "sha256"))
