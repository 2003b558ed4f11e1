"""Sessions of people who are signed in: in memory, known by the hash of their cookie."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.control.accounts import digest

if TYPE_CHECKING:
    from collections.abc import Callable

COOKIE = "relay_session"
SECURE_COOKIE = f"__Host-{COOKIE}"  # no other site, not even one of the same domain, can set it
_MOST = 1000
_MOST_OF_ONE = 20  # nobody pushes out the others


@dataclass(frozen=True, slots=True)
class Session:
    """Who signed in, and how. What it may do is asked each time; `proof` is what a password was checked against."""

    name: str
    way: str
    proof: str = ""


class Sessions:
    """A restart ends them all."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, tuple[float, Session]] = {}

    def begin(self, session: Session, seconds: float) -> str:
        """The value of the cookie."""
        self._forget(session.name)
        value = secrets.token_urlsafe(32)
        self._open[digest(value)] = (self._clock() + seconds, session)
        return value

    def of(self, value: str) -> Session | None:
        """Whose cookie that is."""
        until, session = self._open.get(digest(value), (0.0, None))
        return session if until > self._clock() else None

    def end(self, value: str) -> Session | None:
        """Signs out; whoever that was."""
        session = self.of(value)
        self._open.pop(digest(value), None)
        return session

    def _forget(self, name: str) -> None:
        """What is over, and the oldest when there are too many: of that person, or of all."""
        now = self._clock()
        self._open = {key: one for key, one in self._open.items() if one[0] > now}
        own = [key for key, (_, session) in self._open.items() if session.name == name]
        if len(own) >= _MOST_OF_ONE:
            self._open.pop(own[0])
        elif len(self._open) >= _MOST:
            self._open.pop(next(iter(self._open)))
