"""The key of `token_store.key`, as text: what it must be, without a word of what it is."""

from __future__ import annotations

import base64

KEY_OCTETS = 32


def decoded_key(text: str) -> bytes:
    """The octets of a key. Raises ValueError with the remedy; its text never shows the key."""
    try:
        octets = base64.b64decode(text.strip(), altchars=b"-_", validate=True)
    except ValueError:
        octets = b""
    if len(octets) != KEY_OCTETS:
        raise ValueError("this is no key; print a new one with `relay authorize --new-key` and put it there")
    return octets
