"""Access tokens for a person who signed in once: the kept refresh token is used, and its successor kept.

An `Issuer` for `relay.tokens.keeper`. What is kept is read anew for each token and its file locked until the successor
is written, so that a sign-in by `relay authorize` counts at once and is never overwritten with an older token.
A successor that cannot be written (disk full, say) is kept in memory and written with the next one: the token in hand
serves, mail goes on.
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
    from relay.tokens.vault import Kept, Place


class Delegated:
    """The tokens of one person at one app for one scope."""

    def __init__(
        self,
        app: PersonsApp,
        scope: str,
        place: Place,
        *,
        clock: Callable[[], float] = time.time,
        on_unwritten: Callable[[VaultError], None] | None = None,
    ) -> None:
        """`on_unwritten` hears, in the thread that asks, why a successor could not be written."""
        self._on_unwritten = on_unwritten or (lambda _error: None)
        self._unwritten: tuple[Kept, Kept] | None = None  # what was on the disk then, and what belongs there
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
        on_disk = self._place.read()
        kept = self._newest(on_disk)
        conversation = self._app.conversation(kept.cache, public=kept.public)
        answer = conversation.refreshed(self._scope)
        self._write(on_disk, kept.renewed(conversation.kept(), asked_at))
        return answer

    def _newest(self, on_disk: Kept) -> Kept:
        """What could not be written, unless somebody has written since: that is a new sign-in, or newer."""
        if self._unwritten is not None and self._unwritten[0] == on_disk:
            return self._unwritten[1]
        return on_disk

    def _write(self, on_disk: Kept, renewed: Kept) -> None:
        try:
            self._place.write(renewed)
        except VaultError as error:
            self._unwritten = (on_disk, renewed)
            self._on_unwritten(error)
        else:
            self._unwritten = None
