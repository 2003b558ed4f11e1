"""Who is it that signed in? The ID token of a browser's sign-in, checked; nothing is kept and no mail is asked for.

MSAL decodes the token and compares the nonce; since 1.38 it checks nothing else. It comes from Entra itself over TLS,
which stands for the signature (OpenID Connect Core 3.1.3.7); audience, tenant and time are looked at here.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from relay.tokens.signin import BrowserSignIn
from relay.tokens.source import TokenError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from relay.tokens.person import PersonsApp

_SKEW_S = 300.0  # as Entra itself allows
_NOT_ASKED = ("offline_access",)


class WhoIs:
    """One sign-in; its questions to Entra block."""

    def __init__(self, apps: Sequence[PersonsApp], tenant_id: str, redirect_uri: str) -> None:
        """`tenant_id` is empty where only a domain is known. Talks to the authority; raises `TokenError`."""
        self._client_id = apps[0].client_id
        self._tenant_id = tenant_id
        asking = [replace(app, not_asked=_NOT_ASKED) for app in apps]
        self._browser = BrowserSignIn(asking, "openid", redirect_uri=redirect_uri, login_hint="")

    @property
    def url(self) -> str:
        """Where the person's browser goes."""
        return self._browser.url

    def finish(self, answer: Mapping[str, str], clock: Callable[[], float] = time.time) -> str:
        """The person's user name (preferred_username). Raises `TokenError`."""
        _, said = self._browser.traded(answer)
        claims = said.get("id_token_claims") or {}
        if wrong := mistake(claims, self._client_id, self._tenant_id, clock()):
            raise TokenError("bad_answer", f"the ID token that Entra sent {wrong}")
        return str(claims["preferred_username"])


def mistake(claims: Mapping[str, Any], client_id: str, tenant_id: str, now: float) -> str:
    """Why this ID token is not good here; empty when it is."""
    if claims.get("aud") != client_id:
        return "is for another app"
    tenant = str(claims.get("tid") or "")
    if not tenant or (tenant_id and tenant.lower() != tenant_id.lower()):
        return f"is of another tenant ({tenant or 'none'})"
    if tenant not in str(claims.get("iss")):
        return f"was issued by {claims.get('iss')}, not by that tenant"
    if not _is_now(claims, now):
        return "is not valid now: is the clock of this machine right?"
    return "" if claims.get("preferred_username") else "names nobody: the app may not ask for profile"


def _is_now(claims: Mapping[str, Any], now: float) -> bool:
    try:
        return float(claims.get("nbf", now)) - _SKEW_S <= now <= float(claims["exp"]) + _SKEW_S
    except (KeyError, TypeError, ValueError):
        return False
