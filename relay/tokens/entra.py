"""Asks Microsoft Entra for access tokens as the app itself (OAuth 2.0 client credentials grant, RFC 6749 §4.4).

Synchronous: `relay.tokens.keeper` calls it in a thread. MSAL caches no tokens here: the keeper does, and knows better
when one is too old. Nor is MSAL's memory of refusals used, which would repeat them for minutes after the cause is gone:
when to ask again is for the keeper to say. Every failure leaves here as `TokenError`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from relay.tokens import client
from relay.tokens.answers import Recorder, Route
from relay.tokens.outcome import failure, has_token, life_s, refusal
from relay.tokens.source import Token, TokenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.tokens.credentials import Credential, Proof

_PLAIN = Route()


class Entra:
    """One app registration at one authority."""

    def __init__(
        self,
        client_id: str,
        authority: str,
        scope: str,
        *,
        credential: Credential,
        route: Route = _PLAIN,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client_id = client_id
        self._authority = authority
        self._scope = scope
        self._credential = credential
        self._route = route
        self._clock = clock
        self._stale = False
        self._built_with = ""
        self._app: Any = None
        self._answers: Any = None

    def acquire(self) -> Token:
        """A new token, asked from Entra now; it blocks for seconds at worst. Raises `TokenError`."""
        proof = self._credential.load()
        asked_at = self._clock()
        try:
            answer = self._application(proof).acquire_token_for_client([self._scope])
        except TokenError:  # the credential went away between looking and asking
            raise
        except Exception as exc:
            self._stale = True
            raise failure(exc, self._answers, self._authority, self._route) from exc
        return self._token(answer if isinstance(answer, dict) else {}, asked_at)

    def forget(self) -> None:
        """The next `acquire` starts from nothing: new discovery, no answer of before repeated. Never blocks."""
        self._stale = True

    def _application(self, proof: Proof) -> Any:
        if self._app is None or self._stale or proof.mark != self._built_with:
            self._app, self._stale = None, False
            self._answers = Recorder(self._route)
            self._app = client.confidential(self._client_id, self._authority, proof.client_credential, self._answers)
            self._built_with = proof.mark
        return self._app

    def _token(self, answer: dict[str, Any], asked_at: float) -> Token:
        if not has_token(answer):
            self._stale = True
            raise refusal(answer, self._answers, self._authority)
        return Token(answer["access_token"], asked_at + life_s(answer))
