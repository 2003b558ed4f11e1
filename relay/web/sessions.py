"""Sessions of people who are signed in: in memory, known by the hash of their cookie."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from relay.control.accounts import digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.control.who import Who

COOKIE = "relay_session"
_MOST = 1000


class Sessions:
    """A restart ends them all."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, tuple[float, Who]] = {}

    def begin(self, who: Who, seconds: float) -> str:
        """The value of the cookie."""
        if len(self._open) >= _MOST:
            self._open.pop(next(iter(self._open)))
        value = secrets.token_urlsafe(32)
        self._open[digest(value)] = (self._clock() + seconds, who)
        return value

    def who(self, value: str) -> Who | None:
        """Whose cookie that is."""
        until, who = self._open.get(digest(value), (0.0, None))
        return who if until > self._clock() else None

    def end(self, value: str) -> None:
        """Signs out."""
        self._open.pop(digest(value), None)
