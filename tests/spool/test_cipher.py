"""The format of sealed content: what was sealed comes back in any pieces, and nothing else is ever handed out."""

from __future__ import annotations

import errno
import io

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.spool.cipher import CHUNK, SealedReader, Sealer, plain_size, sealed_size

KEY, OWNER = b"k" * 32, b"01M8\0body"
SIZES = st.one_of(
    st.integers(0, 300), st.builds(lambda n, d: max(0, n * CHUNK + d), st.integers(0, 3), st.integers(-3, 3))
)
FEW = settings(max_examples=60, deadline=None)
HEADER = 36
STEP = CHUNK + 16


def sealed(octets: bytes, piece: int = 50_000, owner: bytes = OWNER) -> bytes:
    sealer = Sealer(KEY, owner)
    pieces = [sealed for at in range(0, len(octets), piece) for sealed in sealer.update(octets[at : at + piece])]
    return b"".join([*pieces, *sealer.finish()])


def opened(octets: bytes, size: int, most: int = 1 << 20, owner: bytes = OWNER, key: bytes = KEY) -> bytes:
    reader = SealedReader(io.BytesIO(octets), size, key, owner)
    return b"".join(iter(lambda: reader.read(most), b"")) if size else reader.read(most)


def some(size: int) -> bytes:
    """Octets that differ from chunk to chunk."""
    return bytes(at * 31 + at // CHUNK & 0xFF for at in range(256)) * (size // 256 + 1)


@FEW
@given(SIZES, st.integers(1000, 3 * CHUNK), st.sampled_from([1, CHUNK, CHUNK + 1, 4 * CHUNK]))
def test_what_was_sealed_comes_back(size: int, piece: int, most: int) -> None:
    """Whatever the pieces it came in and is asked for in; its size on disk is known beforehand, both ways."""
    octets = some(size)[:size]
    kept = sealed(octets, piece)
    assert opened(kept, size, most) == octets
    assert len(kept) == sealed_size(size)
    assert plain_size(len(kept)) == size
    assert SealedReader(io.BytesIO(kept), size, KEY, OWNER).tail() == octets[-2:]


@FEW
@given(SIZES, st.data())
def test_a_flipped_bit_is_refused(size: int, data: st.DataObject) -> None:
    """Anywhere: in the mark, the salt, a chunk or a tag; the chunks before it are still those that were sealed."""
    octets = some(size)[:size]
    kept = bytearray(sealed(octets))
    kept[data.draw(st.integers(0, len(kept) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(OSError, match="not what was sealed") as caught:
        opened(bytes(kept), size)
    assert caught.value.errno == errno.EBADMSG


@FEW
@given(SIZES, st.data())
def test_what_is_cut_short_is_refused(size: int, data: st.DataObject) -> None:
    """Also at the border of a chunk, and also by a reader that believes the size that is left."""
    kept = sealed(some(size)[:size])
    cut = data.draw(st.one_of(st.integers(0, len(kept) - 1), st.sampled_from(range(0, len(kept), STEP))))
    for believed in {size, max(0, plain_size(cut))}:
        with pytest.raises(OSError, match="not what was sealed"):
            opened(kept[:cut], believed)


def test_chunks_that_changed_places_are_refused() -> None:
    """Each tag is true, and none stands where it was made for."""
    kept = sealed(some(3 * CHUNK))
    first, second = kept[HEADER : HEADER + STEP], kept[HEADER + STEP : HEADER + 2 * STEP]
    with pytest.raises(OSError, match="not what was sealed"):
        opened(kept[:HEADER] + second + first + kept[HEADER + 2 * STEP :], 3 * CHUNK)


def test_a_chunk_of_another_seal_is_refused() -> None:
    """Two messages with one key: nothing of the one fits into the other, and neither opens under the other's name."""
    one, other = sealed(some(2 * CHUNK)), sealed(some(2 * CHUNK))
    with pytest.raises(OSError, match="not what was sealed"):
        opened(one[: HEADER + STEP] + other[HEADER + STEP :], 2 * CHUNK)
    for owner in (b"01M9\0body", b"01M8\0head"):
        with pytest.raises(OSError, match="not what was sealed"):
            opened(one, 2 * CHUNK, owner=owner)
    with pytest.raises(OSError, match="not what was sealed"):
        opened(one, 2 * CHUNK, key=b"K" * 32)


def test_the_same_octets_never_look_the_same() -> None:
    """Each seal has a salt of its own, so that equal scans can't be told."""
    one, other = sealed(b"x" * 100), sealed(b"x" * 100)
    assert one[4:HEADER] != other[4:HEADER]
    assert one[HEADER:] != other[HEADER:]


def test_the_format_is_the_one_in_the_manual() -> None:
    """Opened here by hand, with the library's own HKDF: what is on disks today can be read tomorrow."""
    kept = sealed(b"a" * CHUNK + b"bc")
    key = HKDF(hashes.SHA256(), 32, salt=kept[4:36], info=b"relay spool\0" + OWNER).derive(KEY)
    assert kept[:4] == b"RSP1"
    assert AESGCM(key).decrypt(bytes(12), kept[36 : 36 + STEP], None) == b"a" * CHUNK
    assert AESGCM(key).decrypt(bytes(10) + b"\x01\x01", kept[36 + STEP :], None) == b"bc"
