"""The keys of sealed mail: one that seals what comes, and all that open what is there (spool.encryption)."""

from __future__ import annotations

import errno
import io
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO

from relay.config.aeskey import FOR_SPOOL, decoded_key, fingerprint
from relay.config.secret import SecretError
from relay.spool.cipher import CHUNK, SealedReader, Sealer, plain_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.config.secret import SecretRef
    from relay.config.settings import Encryption

KEY_REMEDY = "put that key back under spool.encryption.old_keys, then restart the relay"


class Part(StrEnum):
    """What of a message is sealed; each part opens in its own place alone."""

    HEAD = "head"
    BODY = "body"
    CAME = "came"


@dataclass(frozen=True, slots=True)
class Keyring:
    """`current` is the id of the key that seals new mail; empty: none does. Shows ids, never keys."""

    current: str = ""
    _keys: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    @classmethod
    def read(cls, encryption: Encryption) -> Keyring:
        """The keys as they are now. Raises `SecretError`, which names the option."""
        new = [] if encryption.key is None else [_key("spool.encryption.key", encryption.key)]
        old = [_key(f"spool.encryption.old_keys[{n}]", secret) for n, secret in enumerate(encryption.old_keys)]
        return cls(fingerprint(new[0]) if new else "", MappingProxyType({fingerprint(key): key for key in new + old}))

    @property
    def ids(self) -> frozenset[str]:
        """The keys that are there."""
        return frozenset(self._keys)

    def sealer(self, message_id: str, part: Part) -> Sealer | None:
        """For one part of new mail; None when mail is kept as it is."""
        return Sealer(self._keys[self.current], _owner(message_id, part)) if self.current else None

    def sealed(self, octets: bytes, message_id: str, part: Part) -> bytes:
        """A small part of new mail, sealed if anything is."""
        sealer = self.sealer(message_id, part)
        return octets if sealer is None else b"".join([*sealer.update(octets), *sealer.finish()])

    def reader(self, key_id: str, file: BinaryIO, size: int, message_id: str) -> SealedReader:
        """A sealed body of `size` octets in a file. Raises `OSError`: EBADMSG for a damaged one, ENOKEY."""
        return SealedReader(file, size, self._key_of(key_id), _owner(message_id, Part.BODY))

    def opened(self, key_id: str, octets: bytes, message_id: str, part: Part) -> bytes:
        """A small part as it was before. Raises as `reader`."""
        size, key = plain_size(len(octets)), self._key_of(key_id)
        return SealedReader(io.BytesIO(octets), size, key, _owner(message_id, part)).read(size + CHUNK)

    def _key_of(self, key_id: str) -> bytes:
        if key_id not in self._keys:
            raise OSError(errno.ENOKEY, f"it is sealed with key {key_id}, which is not there; {KEY_REMEDY}")
        return self._keys[key_id]


NO_KEYS = Keyring()


def _key(option: str, secret: SecretRef) -> bytes:
    try:
        return decoded_key(secret.read(), FOR_SPOOL)
    except ValueError as error:
        raise SecretError(f"{option}: secret {secret}: {error}") from None
    except SecretError as error:
        raise SecretError(f"{option}: {error}") from None


def _owner(message_id: str, part: Part) -> bytes:
    return f"{message_id}\0{part}".encode()
