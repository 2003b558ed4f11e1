"""What MSAL gives, or raises, as what the relay goes on with: a refusal or a failure is always a `TokenError`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from relay.tokens.answers import first_words, innermost_words
from relay.tokens.source import TokenError

if TYPE_CHECKING:
    from relay.tokens.answers import Recorder, Route

_AADSTS = re.compile(r"AADSTS(\d+)")
_USUAL_LIFE_S = 3599.0


def has_token(answer: dict[str, Any]) -> bool:
    """Whether there is an access token, the only proof of success: a 429 comes back from MSAL as an empty dict."""
    value = answer.get("access_token")
    return isinstance(value, str) and value.isascii()


def life_s(answer: dict[str, Any]) -> float:
    """How long the access token lives, counted from the question."""
    try:
        return float(str(answer.get("expires_in")))
    except ValueError:
        return _USUAL_LIFE_S


def refusal(answer: dict[str, Any], answers: Recorder, authority: str) -> TokenError:
    """What Entra said no with; MSAL drops parts of it, our HTTP client has seen the whole."""
    said = {**answers.json, **answer}
    description = " ".join(str(said.get("error_description") or "").split())
    return TokenError(
        str(said.get("error") or "bad_answer"),
        description or f"{authority} answered HTTP {answers.status} without a token",
        codes=_codes(said.get("error_codes"), description),
        status=answers.status,
        retry_after=answers.retry_after,
    )


def failure(exc: Exception, answers: Recorder, authority: str, route: Route) -> TokenError:
    """What MSAL raised: the way to Entra, or an answer it gave up on (4xx at discovery, 5xx, or not JSON at all)."""
    import requests

    if isinstance(exc, requests.exceptions.ProxyError):
        why = f"the proxy {route.proxy_host} (outgoing.https_proxy) does not lead to it: {innermost_words(exc)}"
        return TokenError("unreachable", f"{authority} cannot be reached: {why}")
    if isinstance(exc, requests.Timeout):
        return TokenError("timeout", f"{authority} did not answer in time: {first_words(exc)}")
    if isinstance(exc, requests.exceptions.SSLError):
        return TokenError("unreachable", f"the certificate of {authority} is not trusted: {innermost_words(exc)}")
    if isinstance(exc, OSError) and not isinstance(exc, requests.exceptions.InvalidJSONError):
        return TokenError("unreachable", f"{authority} cannot be reached{_from(route)}: {innermost_words(exc)}")
    if answers.status >= 300:
        return refusal({}, answers, authority)
    return TokenError("bad_answer", f"{authority}: {type(exc).__name__}: {first_words(exc)}")


def _from(route: Route) -> str:
    return f" from {route.source_address} (outgoing.source_address)" if route.source_address else ""


def _codes(listed: object, description: str) -> tuple[int, ...]:
    if isinstance(listed, list) and listed:
        return tuple(code for code in listed if isinstance(code, int))
    return tuple(dict.fromkeys(int(code) for code in _AADSTS.findall(description)))
