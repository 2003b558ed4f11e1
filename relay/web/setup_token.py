"""The one-time token with which the first operator is made: in the log once, here only its hash."""

from __future__ import annotations

import hmac
import secrets

from relay.control.accounts import digest


class SetupToken:
    """At most one is good; a restart makes another, and so does the removal of the last person."""

    def __init__(self) -> None:
        self._hash = ""

    @property
    def waits(self) -> bool:
        """Whether somebody may still use it."""
        return bool(self._hash)

    def new(self) -> str:
        """A token to be written into the log; the one before is dead."""
        token = secrets.token_urlsafe(32)
        self._hash = digest(token)
        return token

    def is_it(self, token: str) -> bool:
        """Whether that is the token."""
        return self.waits and hmac.compare_digest(self._hash, digest(token))

    def end(self) -> None:
        """There is somebody who can sign in."""
        self._hash = ""
