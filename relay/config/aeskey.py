"""Keys of AES-256 as text (`token_store.key`, `spool.encryption.key`): what one must be, never what it is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

KEY_OCTETS = 32
FOR_TOKENS = "relay authorize --new-key"
FOR_SPOOL = "relay queue new-key"


def new_key() -> str:
    """A fresh key, as text."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_OCTETS)).decode()


def decoded_key(text: str, command: str = FOR_TOKENS) -> bytes:
    """The octets of a key; `command` prints one. Raises ValueError with the remedy; its text never shows the key."""
    try:
        octets = base64.b64decode(text.strip(), altchars=b"-_", validate=True)
    except ValueError:
        octets = b""
    if len(octets) != KEY_OCTETS:
        raise ValueError(f"this is no key; print a new one with `{command}` and put it there")
    return octets


def fingerprint(key: bytes) -> str:
    """16 hex digits that tell keys apart and say nothing of them."""
    return hmac.new(key, b"which key", hashlib.sha256).hexdigest()[:16]
