"""Asks Microsoft Entra for access tokens with a client secret (OAuth 2.0 client credentials grant, RFC 6749 §4.4).

Synchronous: `relay.tokens.keeper` calls it in a thread. MSAL caches no tokens here: the keeper does, and knows better
when one is too old. Every failure leaves here as `TokenError`.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from relay.tokens import client
from relay.tokens.answers import Recorder
from relay.tokens.source import Token, TokenError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_AADSTS = re.compile(r"AADSTS(\d+)")


class Entra:
    """One app registration at one authority."""

    def __init__(
        self,
        client_id: str,
        authority: str,
        scope: str,
        *,
        read_secret: Callable[[], str],
        ca_file: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client_id = client_id
        self._authority = authority
        self._scope = scope
        self._read_secret = read_secret
        self._ca_file = ca_file
        self._clock = clock
        self._stale = False
        self._built_with = ""
        self._app: Any = None
        self._answers: Any = None

    def acquire(self) -> Token:
        """A new token, asked from Entra now; it blocks for seconds at worst. Raises `TokenError`."""
        secret = self._secret()
        asked_at = self._clock()
        try:
            answer = self._application(secret).acquire_token_for_client([self._scope])
        except Exception as exc:
            raise self._failure(exc) from exc
        return self._token(answer if isinstance(answer, dict) else {}, asked_at)

    def forget(self) -> None:
        """The next `acquire` starts from nothing: new discovery, no answer of before repeated. Never blocks."""
        self._stale = True

    def _secret(self) -> str:
        """Read anew each time: a rotated secret is picked up without a restart."""
        try:
            secret = self._read_secret()
        except Exception as exc:
            raise TokenError("secret_unreadable", str(exc)) from exc
        if not secret:  # MSAL would ask without a credential, and Entra's answer would mislead
            raise TokenError("secret_unreadable", "the client secret is empty: store its Value (not its Secret ID)")
        return secret

    def _application(self, secret: str) -> Any:
        if self._app is None or self._stale or secret != self._built_with:
            self._app, self._stale = None, False
            self._answers = Recorder(self._ca_file)
            self._app = client.confidential(self._client_id, self._authority, secret, self._answers)
            self._built_with = secret
        return self._app

    def _token(self, answer: dict[str, Any], asked_at: float) -> Token:
        value = answer.get("access_token")  # the only proof of success: a 429 comes back from MSAL as an empty dict
        if not isinstance(value, str) or not value.isascii():
            raise self._refusal(answer)
        return Token(value, asked_at + _seconds(answer.get("expires_in"), default=3599.0))

    def _refusal(self, answer: dict[str, Any]) -> TokenError:
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
        return self._odd_answer(exc)

    def _odd_answer(self, exc: Exception) -> TokenError:
        """MSAL gave up on an answer: 4xx at discovery (ValueError), 5xx (MsalServiceError), or not JSON at all."""
        if self._answers is not None and self._answers.status >= 300:
            return self._refusal({})
        return TokenError("bad_answer", f"{self._authority}: {type(exc).__name__}: {_first_words(exc)}")


def _seconds(value: object, default: float) -> float:
    try:
        return float(str(value))
    except ValueError:
        return default


def _codes(listed: object, description: str) -> tuple[int, ...]:
    if isinstance(listed, list) and listed:
        return tuple(code for code in listed if isinstance(code, int))
    return tuple(dict.fromkeys(int(code) for code in _AADSTS.findall(description)))


def _first_words(exc: Exception) -> str:
    return " ".join(str(exc).split())[:300]
