"""Delegated profiles: who signs in to what, and where that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.config.settings import Resource, SecretError, TransportKind
from relay.tokens.delegated import Delegated
from relay.tokens.person import PersonsApp
from relay.tokens.rotation import Rotation
from relay.tokens.vault import Vault
from relay.upstream.credentials import credentials_of, route_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config.settings import App, Profile, Settings
    from relay.tokens.rotation import Change
    from relay.tokens.vault import Place, VaultError


def person_of(profile: Profile) -> str:
    """The user principal name that has to sign in."""
    return profile.upn or profile.mailbox


def place_of(settings: Settings, profile_name: str, *, read_only: bool = False) -> Place:
    """Where the person's tokens are kept; profiles of one app and person share them."""
    profile = settings.profiles[profile_name]
    vault = Vault(settings.data_dir, lambda: _key(settings), read_only)
    return vault.place(settings.apps[profile.app].client_id, person_of(profile))


def persons_apps(settings: Settings, app: App) -> list[tuple[str, PersonsApp]]:
    """The app as people sign in to it, with each of its credentials and where that stands; public when it has none."""
    route = route_of(settings, app)
    proven = [
        (f"{option} ({each.name})", PersonsApp(app.client_id, app.authority_url, each, route))
        for option, each in credentials_of(app)
    ]
    return proven or [("no credential", PersonsApp(app.client_id, app.authority_url, None, route))]


def person_issuer(
    settings: Settings,
    profile_name: str,
    scope: str,
    on_change: Callable[[Change], None] | None = None,
    *,
    read_only: bool = False,
    on_unwritten: Callable[[VaultError], None] | None = None,
) -> Rotation:
    """Asks for tokens of the person who signed in, with the first credential that Entra takes."""
    profile, place = settings.profiles[profile_name], place_of(settings, profile_name, read_only=read_only)
    apps = persons_apps(settings, settings.apps[profile.app])
    issuers = [
        (f"apps.{profile.app}.{name}", Delegated(app, scope, place, on_unwritten=on_unwritten)) for name, app in apps
    ]
    return Rotation(issuers, on_change)


def kinds_of(profile: Profile) -> list[TransportKind]:
    """The ways of a profile that need a token, the main one first."""
    ways = (profile.transport, profile.fallback)
    return [kind for kind in ways if kind is not None and kind is not TransportKind.CONNECTOR]


def scopes_of(settings: Settings, profile_name: str) -> tuple[str, ...]:
    """What the person consents to, for each of those ways."""
    profile = settings.profiles[profile_name]
    resources = [Resource.GRAPH if kind is TransportKind.GRAPH else Resource.OUTLOOK for kind in kinds_of(profile)]
    return tuple(dict.fromkeys(settings.scope_of(profile_name, resource) for resource in resources))


def _key(settings: Settings) -> str:
    if settings.token_store.key is None:
        raise SecretError("not set; print one with `relay authorize --new-key`, keep it away from data_dir, name it")
    return settings.token_store.key.read()
