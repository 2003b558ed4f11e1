"""The token sources of the configured profiles: one keeper for all profiles that ask for the same token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.config.settings import Resource, SignIn, TransportKind
from relay.tokens.delegated import Delegated
from relay.tokens.entra import Entra
from relay.tokens.keeper import Keeper
from relay.upstream.people import persons_app, place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config.settings import App, Profile, Settings
    from relay.tokens.keeper import Issuer

HVE_GRACE_S = 720.0
"""High Volume Email refuses tokens that end within ten minutes or so (501 5.5.127)."""


class Sources:
    """Keepers by what they ask for: a reload that changes nothing keeps the token. Belongs to one event loop."""

    def __init__(self, on_fetched: Callable[[str, float, float], None] | None = None) -> None:
        """`on_fetched(app, ms, expires_in_s)` is called in the loop after each answer with a token."""
        self._on_fetched = on_fetched or (lambda _app, _ms, _expires_in: None)
        self._keepers: dict[tuple[object, ...], Keeper] = {}

    def of(self, settings: Settings, profile_name: str, kind: TransportKind) -> Keeper:
        """The source for a profile's mail on its way by that transport."""
        profile = settings.profiles[profile_name]
        app = settings.apps[profile.app]
        resource = Resource.GRAPH if kind is TransportKind.GRAPH else Resource.OUTLOOK
        grace_s = max(app.token_grace_s, HVE_GRACE_S) if kind is TransportKind.HVE else app.token_grace_s
        delegated = profile.sign_in is SignIn.DELEGATED
        scope = app.scope_for(resource, delegated=delegated)
        whose = (str(place_of(settings, profile_name).path), settings.token_store.key) if delegated else ()
        key = (profile.app, app.client_id, app.authority_url, scope, app.ca_file, grace_s, app.credential, whose)
        if key not in self._keepers:
            person = Delegated(persons_app(app), scope, place_of(settings, profile_name)) if delegated else None
            self._keepers[key] = self._keeper(profile, person or self._entra(app, scope), grace_s)
        return self._keepers[key]

    def _entra(self, app: App, scope: str) -> Issuer:
        return Entra(
            client_id=app.client_id, authority=app.authority_url, scope=scope,
            read_secret=app.credential.secret.read, ca_file=app.ca_file,  # type: ignore[union-attr]
        )  # fmt: skip

    def _keeper(self, profile: Profile, issuer: Issuer, grace_s: float) -> Keeper:
        name = profile.app
        return Keeper(issuer, grace_s=grace_s, on_fetched=lambda ms, expires_in: self._on_fetched(name, ms, expires_in))
