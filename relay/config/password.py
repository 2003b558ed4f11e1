"""Passwords of devices as lines of the configuration: `scrypt$N$r$p$salt$key`, salt and key in base64 (RFC 7914).

Pure but for the salt. Work it costs: about 50 ms and 16 MiB with the parameters that `hashed` chooses, so `matches` is
called outside the event loop.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

_N, _R, _P = 2**14, 8, 1
_SALT_OCTETS = 16
_KEY_OCTETS = 32
_MOST_MEMORY = 64 << 20  # a line that asks for more would let one login eat the machine
PATTERN = r"^scrypt\$\d{1,7}\$\d{1,2}\$\d{1,2}\$[A-Za-z0-9+/]{16,88}={0,2}\$[A-Za-z0-9+/]{22,88}={0,2}$"


def hashed(password: str, salt: bytes | None = None) -> str:
    """The line for `password_hash`; `salt` is random unless given."""
    salt = salt if salt is not None else secrets.token_bytes(_SALT_OCTETS)
    key = _derived(password, salt, (_N, _R, _P), _KEY_OCTETS)
    return f"scrypt${_N}${_R}${_P}${_text(salt)}${_text(key)}"


def matches(line: str, password: str) -> bool:
    """Whether the password made this line; compared in constant time. Raises `ValueError` for an unusable line."""
    salt, key, cost = _parts(line)
    return hmac.compare_digest(key, _derived(password, salt, cost, len(key)))


def usable(line: str) -> str:
    """The line itself, if a login can be checked against it in bounded memory. Raises `ValueError`."""
    _, _, (n, r, p) = _parts(line)
    if n < 2 or n & (n - 1) or not r or not p or 128 * r * (n + p + 2) > _MOST_MEMORY:
        raise ValueError("has scrypt parameters that can't be used; print a new line with `relay device password`")
    return line


def _parts(line: str) -> tuple[bytes, bytes, tuple[int, int, int]]:
    _, n, r, p, salt, key = line.split("$")
    return base64.b64decode(salt, validate=True), base64.b64decode(key, validate=True), (int(n), int(r), int(p))


def _derived(password: str, salt: bytes, cost: tuple[int, int, int], length: int) -> bytes:
    n, r, p = cost
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=_MOST_MEMORY + (1 << 20), dklen=length)


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")
