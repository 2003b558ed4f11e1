"""The contract of everything that can produce an access token for one app registration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and when it ends (epoch seconds). It never prints itself."""

    value: str = field(repr=False)
    expires_at: float


class TokenError(Exception):
    """No token: what Entra said, or why it could not be asked.

    `error` is the OAuth error word (RFC 6749 §5.2), or `unreachable`, `timeout`, `bad_answer` when there was none;
    `codes` are AADSTS numbers; `status` the HTTP status (0: no answer); `retry_after` seconds when Entra named them.
    """

    def __init__(
        self,
        error: str,
        description: str,
        *,
        codes: tuple[int, ...] = (),
        status: int = 0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.codes = codes
        self.status = status
        self.retry_after = retry_after


class TokenSource(Protocol):
    """Gives tokens for one app."""

    async def token(self) -> Token:
        """A token that is valid for at least the app's grace time. Raises `TokenError`."""
        ...

    def refused(self, token: Token) -> None:
        """Exchange did not take this token: it is dropped, the next `token()` asks Entra anew."""
        ...
