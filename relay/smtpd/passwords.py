"""Is this the device's password? Hashes are costly on purpose, so they are worked out beside the event loop, a few at a
time, and what was right is remembered for a while: a fleet that logs in for every scan does not cost a CPU.

What is remembered is a keyed digest; the key is made at the start of the process and never leaves it.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from relay.config.password import matches

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config.settings import Login

_REMEMBERED_S = 600.0
_MOST_REMEMBERED = 4096
_AT_ONCE = 2


class Passwords:
    """Compares passwords; shared by all sessions of a process."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, check: Callable[[str, str], bool] = matches
    ) -> None:
        self._clock = clock
        self._check = check
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, float] = OrderedDict()
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def right(self, login: Login, password: str) -> bool:
        """Whether the password belongs to the login. Raises `SecretError` when it can't be read, and `ValueError`."""
        if login.any_password:
            return True
        if login.password is not None:
            return hmac.compare_digest(login.password.read().encode(), password.encode())
        assert login.password_hash is not None
        return await self._matches(login.username, login.password_hash, password)

    async def _matches(self, username: str, line: str, password: str) -> bool:
        digest = self._digest(username, line, password)
        if self._remembered(digest):
            return True
        async with self._turn:
            if self._remembered(digest):  # whoever was in front of us may have brought the same password
                return True
            right = await asyncio.to_thread(self._check, line, password)
        if right:
            self._remember(digest)
        return right

    def _digest(self, *parts: str) -> bytes:
        """The hash line is part of it: a changed password counts at once."""
        return hmac.digest(self._key, "\0".join(parts).encode("utf-8", "surrogatepass"), "sha256")

    def _remembered(self, digest: bytes) -> bool:
        return self._right.get(digest, 0.0) > self._clock()

    def _remember(self, digest: bytes) -> None:
        self._right[digest] = self._clock() + _REMEMBERED_S
        self._right.move_to_end(digest)
        while len(self._right) > _MOST_REMEMBERED:
            self._right.popitem(last=False)
