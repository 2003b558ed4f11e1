"""MSAL's applications, on a short rein; the only file that knows MSAL.

They ask nobody but the authority they were given, speak through our own HTTP client, and log nothing. MSAL is imported
at the first call, because the import is slow and the relay must start while Entra is down.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.tokens.answers import Recorder


def confidential(
    client_id: str,
    authority: str,
    credential: Any,
    http_client: Recorder,
    cache: Any = None,
    not_asked: Sequence[str] = (),
) -> Any:
    """A client that proves itself with `credential` (`relay.tokens.credentials.Proof.client_credential`).

    Talks to the authority (OpenID discovery); keeps no tokens unless it is given a `cache` of `token_cache()`. MSAL
    asks a person for profile and offline_access by itself, unless they are `not_asked`.
    """
    msal = _msal()
    built: list[Any] = []

    def assertion() -> str:
        return str(credential(built[0].authority.token_endpoint))

    application = msal.ConfidentialClientApplication(
        client_id,
        client_credential={"client_assertion": assertion} if callable(credential) else credential,
        authority=authority,
        http_client=http_client,
        token_cache=_no_cache(msal) if cache is None else cache,
        exclude_scopes=list(not_asked),
        instance_discovery=False,  # else MSAL asks login.microsoftonline.com about hosts it does not know
        azure_region=False,  # else MSAL_FORCE_REGION in the environment moves the endpoint
    )
    built.append(application)
    return application


def public(client_id: str, authority: str, http_client: Recorder, cache: Any = None) -> Any:
    """A client without a credential, for people who sign in. Talks to the authority (OpenID discovery)."""
    msal = _msal()
    return msal.PublicClientApplication(
        client_id,
        authority=authority,
        http_client=http_client,
        token_cache=_no_cache(msal) if cache is None else cache,
        instance_discovery=False,
    )


def managed_identity(identity: str, http_client: Recorder) -> Any:
    """A client of this machine's metadata endpoint; `identity` is "system" or a client id. Keeps no tokens."""
    msal = _msal()
    who = (
        msal.SystemAssignedManagedIdentity()
        if identity == "system"
        else msal.UserAssignedManagedIdentity(client_id=identity)
    )
    return msal.ManagedIdentityClient(who, http_client=http_client, token_cache=_no_cache(msal))


def token_cache() -> Any:
    """MSAL's cache that can be written out and read in again (`serialize`, `deserialize`, `has_state_changed`)."""
    return _msal().SerializableTokenCache()


def _msal() -> Any:
    import msal  # type: ignore[import-untyped]

    # MSAL logs whole answers when they are not JSON, at ERROR; urllib3 logs addresses of each request at DEBUG.
    logging.getLogger("msal").setLevel(logging.CRITICAL + 1)
    logging.getLogger("urllib3").setLevel(logging.CRITICAL + 1)
    return msal


def _no_cache(msal: Any) -> Any:
    class NoCache(msal.TokenCache):  # type: ignore[misc]
        def add(self, event: dict[str, Any], now: float | None = None) -> None:
            """Keeps nothing: MSAL would go on handing out a token Exchange has refused."""

    return NoCache()
