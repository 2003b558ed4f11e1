"""Asks Microsoft Entra for access tokens as the app itself (OAuth 2.0 client credentials grant, RFC 6749 §4.4).

Synchronous: `relay.tokens.keeper` calls it in a thread. MSAL caches no tokens here: the keeper does, and knows better
when one is too old. Nor is MSAL's memory of refusals used, which would repeat them for minutes after the cause is gone:
when to ask again is for the keeper to say. Every failure leaves here as `TokenError`.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from relay.tokens import client
from relay.tokens.answers import Recorder, Route, first_words
from relay.tokens.source import Token, TokenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.tokens.credentials import Credential, Proof

_AADSTS = re.compile(r"AADSTS(\d+)")
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
            raise self._failure(exc) from exc
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
        value = answer.get("access_token")  # the only proof of success: a 429 comes back from MSAL as an empty dict
        if not isinstance(value, str) or not value.isascii():
            raise self._refusal(answer)
        return Token(value, asked_at + _seconds(answer.get("expires_in"), default=3599.0))

    def _refusal(self, answer: dict[str, Any]) -> TokenError:
        """What Entra said no with; MSAL drops parts of it, our HTTP client has seen the whole."""
        self._stale = True
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

        if isinstance(exc, requests.exceptions.ProxyError):
            why = f"the proxy {self._route.proxy_host} (outgoing.https_proxy) does not lead to it: {_innermost(exc)}"
            return TokenError("unreachable", f"{self._authority} cannot be reached: {why}")
        if isinstance(exc, requests.Timeout):
            return TokenError("timeout", f"{self._authority} did not answer in time: {first_words(exc)}")
        if isinstance(exc, requests.exceptions.SSLError):
            return TokenError("unreachable", f"the certificate of {self._authority} is not trusted: {first_words(exc)}")
        if isinstance(exc, OSError) and not isinstance(exc, requests.exceptions.InvalidJSONError):
            return TokenError(
                "unreachable", f"{self._authority} cannot be reached{self._from_here}: {first_words(exc)}"
            )
        return self._odd_answer(exc)

    @property
    def _from_here(self) -> str:
        address = self._route.source_address
        return f" from {address} (outgoing.source_address)" if address else ""

    def _odd_answer(self, exc: Exception) -> TokenError:
        """MSAL gave up on an answer: 4xx at discovery (ValueError), 5xx (MsalServiceError), or not JSON at all."""
        if self._answers is not None and self._answers.status >= 300:
            return self._refusal({})
        return TokenError("bad_answer", f"{self._authority}: {type(exc).__name__}: {first_words(exc)}")


def _seconds(value: object, default: float) -> float:
    try:
        return float(str(value))
    except ValueError:
        return default


def _codes(listed: object, description: str) -> tuple[int, ...]:
    if isinstance(listed, list) and listed:
        return tuple(code for code in listed if isinstance(code, int))
    return tuple(dict.fromkeys(int(code) for code in _AADSTS.findall(description)))


def _innermost(exc: BaseException) -> str:
    """The cause a proxy error wraps, in few words."""
    while exc.__context__ is not None:
        exc = exc.__context__
    return first_words(Exception(str(exc)))
