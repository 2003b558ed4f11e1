"""Access tokens for a person who signed in once: the kept refresh token is used, and its successor kept.

An `Issuer` for `relay.tokens.keeper`. What is kept is read anew for each token and its file locked until the successor
is written, so that a sign-in by `relay authorize` counts at once and is never overwritten with an older token.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from relay.tokens.outcome import life_s
from relay.tokens.source import Token, TokenError
from relay.tokens.vault import NotKeptError, VaultError

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.tokens.person import PersonsApp
    from relay.tokens.vault import Place


class Delegated:
    """The tokens of one person at one app for one scope."""

    def __init__(self, app: PersonsApp, scope: str, place: Place, *, clock: Callable[[], float] = time.time) -> None:
        self._app = app
        self._scope = scope
        self._place = place
        self._clock = clock

    def acquire(self) -> Token:
        """A new token, asked from Entra now; it blocks for seconds at worst. Raises `TokenError`."""
        asked_at = self._clock()
        try:
            with self._place.locked():
                answer = self._refreshed(asked_at)
        except NotKeptError as error:
            raise TokenError("not_authorized", str(error)) from error
        except VaultError as error:
            raise TokenError("token_store", str(error)) from error
        return Token(answer["access_token"], asked_at + life_s(answer))

    def forget(self) -> None:
        """Nothing to forget: each `acquire` begins with what is on the disk."""

    def _refreshed(self, asked_at: float) -> dict[str, Any]:
        kept = self._place.read()
        conversation = self._app.conversation(kept.cache, public=kept.public)
        answer = conversation.refreshed(self._scope)
        self._place.write(kept.renewed(conversation.kept(), asked_at))
        return answer
