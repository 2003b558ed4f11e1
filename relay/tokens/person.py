"""An app as people use it: MSAL with a cache that is written out, and every failure as `TokenError`.

Each conversation builds MSAL's application anew. That costs one question (OpenID discovery) and keeps MSAL from
repeating an old refusal for a minute, from its HTTP cache, to somebody who has just signed in again.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relay.tokens import client
from relay.tokens.source import TokenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.tokens.answers import Recorder

_AADSTS = re.compile(r"AADSTS(\d+)")
_OURS = frozenset({"openid", "profile", "offline_access"})  # MSAL adds them, and raises when they are listed
_NOT_KEPT = ("AccessToken", "IdToken")


@dataclass(frozen=True, slots=True)
class PersonsApp:
    """One app registration. `prove` gives what MSAL calls `client_credential`, read anew; None: a public client."""

    client_id: str
    authority: str
    open_http: Callable[[], Recorder] = field(compare=False)
    prove: Callable[[], Any] | None = field(default=None, compare=False)

    def conversation(self, cache: str = "", *, public: bool = False) -> Conversation:
        """MSAL with what was kept. Talks to the authority; raises `TokenError`."""
        return Conversation(self, cache, public=public)


class Conversation:
    """A few questions to Entra, answered in one go; blocks."""

    def __init__(self, app: PersonsApp, cache: str, *, public: bool) -> None:
        self._authority = app.authority
        self._answers = app.open_http()
        self._newest = ""
        self._cache = client.token_cache()
        self._cache.deserialize(cache)
        self.public = public or app.prove is None
        self._app = self.ask(lambda: self._application(app))

    def _application(self, app: PersonsApp) -> Any:
        if self.public or app.prove is None:
            return client.public(app.client_id, app.authority, self._answers, self._cache)
        return client.confidential(app.client_id, app.authority, app.prove(), self._answers, self._cache)

    @property
    def msal(self) -> Any:
        """MSAL's application."""
        return self._app

    def ask(self, question: Callable[[], Any]) -> Any:
        """MSAL's answer. What it raises leaves here as `TokenError`."""
        try:
            return question()
        except TokenError:
            raise
        except Exception as exc:
            raise self._failure(exc) from exc

    def refreshed(self, scope: str) -> dict[str, Any]:
        """Uses the refresh token. Raises `TokenError`; MSAL keeps a dead one and says None where there is none."""
        accounts = self._app.get_accounts()
        if not accounts:
            raise TokenError("not_authorized", "the kept sign-in holds no account of this authority")
        ask = self._app.acquire_token_silent_with_error
        # forced: what MSAL has cached may be the token Exchange has just refused
        answer = self.ask(lambda: ask(scopes(scope), accounts[0], force_refresh=True))
        return self.granted(answer)

    def granted(self, answer: Any) -> dict[str, Any]:
        """An answer with a token in it, the only proof of success. Raises `TokenError`."""
        said = answer if isinstance(answer, dict) else {}
        if isinstance(said.get("access_token"), str) and said["access_token"].isascii():
            self._newest = str(said.get("refresh_token") or "")
            return said
        raise self.refusal(said)

    def refusal(self, answer: dict[str, Any]) -> TokenError:
        """What Entra said no with; MSAL drops parts of it, our HTTP client has seen the whole."""
        said = {**self._answers.json, **answer}
        description = " ".join(str(said.get("error_description") or "").split())
        return TokenError(
            str(said.get("error") or "bad_answer"),
            description or f"{self._authority} answered HTTP {self._answers.status} without a token",
            codes=_codes(said.get("error_codes"), description),
            status=self._answers.status,
            retry_after=self._answers.retry_after,
        )

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

    def _failure(self, exc: Exception) -> TokenError:
        import requests

        if isinstance(exc, requests.Timeout):
            return TokenError("timeout", f"{self._authority} did not answer in time: {_first_words(exc)}")
        if isinstance(exc, requests.exceptions.SSLError):
            return TokenError(
                "unreachable", f"the certificate of {self._authority} is not trusted: {_first_words(exc)}"
            )
        if isinstance(exc, OSError) and not isinstance(exc, requests.exceptions.InvalidJSONError):
            return TokenError("unreachable", f"{self._authority} cannot be reached: {_first_words(exc)}")
        if self._answers.status >= 300:  # MSAL gave up on an answer, whose text we have
            return self.refusal({})
        return TokenError("bad_answer", f"{self._authority}: {type(exc).__name__}: {_first_words(exc)}")


def scopes(scope: str) -> list[str]:
    """A configured scope as MSAL takes it."""
    return [word for word in scope.split() if word not in _OURS]


def _codes(listed: object, description: str) -> tuple[int, ...]:
    if isinstance(listed, list) and listed:
        return tuple(code for code in listed if isinstance(code, int))
    return tuple(dict.fromkeys(int(code) for code in _AADSTS.findall(description)))


def _first_words(exc: Exception) -> str:
    return " ".join(str(exc).split())[:300]
