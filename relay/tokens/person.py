"""An app as people use it: MSAL with a cache that is written out, and every failure as `TokenError`.

Each conversation builds MSAL's application anew. That costs one question (OpenID discovery) and keeps MSAL from
repeating an old refusal for a minute, from its HTTP cache, to somebody who has just signed in again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relay.tokens import client
from relay.tokens.answers import Recorder, Route
from relay.tokens.outcome import failure, has_token, refusal
from relay.tokens.source import TokenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.tokens.credentials import Credential

_PLAIN = Route()
_OURS = frozenset({"openid", "profile", "offline_access"})  # MSAL adds them, and raises when they are listed
_NOT_KEPT = ("AccessToken", "IdToken")


@dataclass(frozen=True, slots=True)
class PersonsApp:
    """One app registration. Without a credential it is a public client."""

    client_id: str
    authority: str
    credential: Credential | None = None
    route: Route = _PLAIN
    not_asked: tuple[str, ...] = ()  # scopes that MSAL would ask for by itself

    def conversation(self, cache: str = "", *, public: bool = False) -> Conversation:
        """MSAL with what was kept. Talks to the authority; raises `TokenError`."""
        return Conversation(self, cache, public=public)


class Conversation:
    """A few questions to Entra, answered in one go; blocks."""

    def __init__(self, app: PersonsApp, cache: str, *, public: bool) -> None:
        self._app = app
        self._answers = Recorder(app.route)
        self._newest = ""
        self._cache = client.token_cache()
        self._cache.deserialize(cache)
        self.public = public or app.credential is None
        self.msal = self.ask(self._application)

    def _application(self) -> Any:
        app = self._app
        if self.public or app.credential is None:
            return client.public(app.client_id, app.authority, self._answers, self._cache)
        proof = app.credential.load().client_credential
        return client.confidential(app.client_id, app.authority, proof, self._answers, self._cache, app.not_asked)

    def ask(self, question: Callable[[], Any]) -> Any:
        """MSAL's answer. What it raises leaves here as `TokenError`."""
        try:
            return question()
        except TokenError:
            raise
        except Exception as exc:
            raise failure(exc, self._answers, self._app.authority, self._app.route) from exc

    def refreshed(self, scope: str) -> dict[str, Any]:
        """Uses the refresh token. Raises `TokenError`; MSAL keeps a dead one and says None where there is none."""
        accounts = self.msal.get_accounts()
        if not accounts:
            raise TokenError("not_authorized", "the kept sign-in holds no account of this authority")
        ask = self.msal.acquire_token_silent_with_error
        # forced: what MSAL has cached may be the token Exchange has just refused
        answer = self.ask(lambda: ask(scopes(scope), accounts[0], force_refresh=True))
        return self.granted(answer)

    def granted(self, answer: Any) -> dict[str, Any]:
        """An answer with a token in it, the only proof of success. Raises `TokenError`."""
        said = answer if isinstance(answer, dict) else {}
        if has_token(said):
            self._newest = str(said.get("refresh_token") or "")
            return said
        raise self.refusal(said)

    def refusal(self, answer: dict[str, Any]) -> TokenError:
        """What Entra said no with."""
        return refusal(answer, self._answers, self._app.authority)

    def kept(self) -> str:
        """The cache to be written out: the account and its newest refresh token, no access token.

        MSAL files a refresh token under its account; one that came without a word of whose it is would lie beside the
        old one, and the old one be used until it dies.
        """
        cache = json.loads(self._cache.serialize())
        for kind in _NOT_KEPT:
            cache.pop(kind, None)
        for entry in cache.get("RefreshToken", {}).values() if self._newest else ():
            entry["secret"] = self._newest
        return json.dumps(cache)


def scopes(scope: str) -> list[str]:
    """A configured scope as MSAL takes it."""
    return [word for word in scope.split() if word not in _OURS]
