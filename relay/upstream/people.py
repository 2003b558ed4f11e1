"""Delegated profiles: who signs in to what, and where that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relay.config.settings import Resource, SecretError, TransportKind
from relay.tokens.answers import Recorder
from relay.tokens.person import PersonsApp
from relay.tokens.source import TokenError
from relay.tokens.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config.settings import App, Profile, Settings
    from relay.tokens.vault import Place


def person_of(profile: Profile) -> str:
    """The user principal name that has to sign in."""
    return profile.upn or profile.mailbox


def place_of(settings: Settings, profile_name: str) -> Place:
    """Where the person's tokens are kept; profiles of one app and person share them."""
    profile = settings.profiles[profile_name]
    vault = Vault(settings.data_dir, lambda: _key(settings))
    return vault.place(settings.apps[profile.app].client_id, person_of(profile))


def persons_app(app: App) -> PersonsApp:
    """The app as people sign in to it: with its credential where it has one."""
    return PersonsApp(app.client_id, app.authority_url, lambda: Recorder(app.ca_file), _proof(app))


def kinds_of(profile: Profile) -> list[TransportKind]:
    """The ways of a profile that need a token, the main one first."""
    ways = (profile.transport, profile.fallback)
    return [kind for kind in ways if kind is not None and kind is not TransportKind.CONNECTOR]


def scopes_of(settings: Settings, profile_name: str) -> tuple[str, ...]:
    """What the person consents to, for each of those ways."""
    profile = settings.profiles[profile_name]
    app = settings.apps[profile.app]
    resources = [Resource.GRAPH if kind is TransportKind.GRAPH else Resource.OUTLOOK for kind in kinds_of(profile)]
    return tuple(dict.fromkeys(app.scope_for(resource, delegated=True) for resource in resources))


def _key(settings: Settings) -> str:
    if settings.token_store.key is None:
        raise SecretError("not set; print one with `relay authorize --new-key`, keep it away from data_dir, name it")
    return settings.token_store.key.read()


def _proof(app: App) -> Callable[[], Any] | None:
    if app.credential is None:
        return None
    secret = app.credential.secret

    def read() -> str:
        try:
            return secret.read()  # type: ignore[union-attr]
        except SecretError as error:
            raise TokenError("secret_unreadable", str(error)) from error

    return read
