"""The token sources of the configured profiles: one keeper for all profiles that ask for the same token."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from relay.config.settings import Resource, SignIn, TransportKind
from relay.tokens.keeper import Keeper
from relay.upstream.credentials import app_issuer
from relay.upstream.people import person_issuer, place_of

if TYPE_CHECKING:
    from relay.config.settings import App, Settings
    from relay.tokens.keeper import Issuer
    from relay.tokens.rotation import Change
    from relay.tokens.source import TokenError
    from relay.tokens.vault import VaultError

HVE_GRACE_S = 720.0
"""High Volume Email refuses tokens that end within ten minutes or so (501 5.5.127)."""


class Listener(Protocol):
    """Who is told about tokens, in the loop; `app` is the name under apps."""

    def fetched(self, app: str, ms: float, expires_in: float) -> None:
        """Entra gave a token."""
        ...

    def kept(self, app: str, error: TokenError, left_s: float) -> None:
        """Entra gave none; the last one still serves for so long."""
        ...

    def changed(self, app: str, change: Change) -> None:
        """Another credential of the app works now; told once."""
        ...

    def unwritten(self, profile: str, error: VaultError) -> None:
        """The sign-in of this profile's person works, but what renews it could not be written to the disk."""
        ...


@dataclass
class _News:
    """What an issuer has met and nobody was told yet."""

    changes: list[Change]
    profile: str = ""
    unwritten: list[VaultError] = field(default_factory=list)


class Sources:
    """Keepers by what they ask for: a reload that changes nothing keeps the token. Belongs to one event loop."""

    def __init__(self, listener: Listener | None = None, *, read_only: bool = False) -> None:
        """`read_only`: kept sign-ins are used, and left as they are."""
        self._listener = listener
        self._read_only = read_only
        self._keepers: dict[tuple[object, ...], Keeper] = {}

    def of(self, settings: Settings, profile_name: str, kind: TransportKind) -> Keeper:
        """The source for a profile's mail on its way by that transport."""
        profile = settings.profiles[profile_name]
        app = settings.apps[profile.app]
        resource = Resource.GRAPH if kind is TransportKind.GRAPH else Resource.OUTLOOK
        grace_s = max(app.token_grace_s, HVE_GRACE_S) if kind is TransportKind.HVE else app.token_grace_s
        scope = settings.scope_of(profile_name, resource)
        if profile.sign_in is SignIn.DELEGATED:
            return self._of_person(settings, profile_name, scope, grace_s)
        return self.of_app(settings, profile.app, scope, grace_s)

    def of_app(self, settings: Settings, app_name: str, scope: str, grace_s: float = 0) -> Keeper:
        """The source of the app's own tokens for that scope."""
        app = settings.apps[app_name]
        key = (app_name, scope, grace_s, *_identity(settings, app))
        if key not in self._keepers:
            changes: list[Change] = []
            issuer = app_issuer(settings, app_name, scope, changes.append)
            self._keepers[key] = self._keeper(app_name, issuer, grace_s, _News(changes))
        return self._keepers[key]

    def _of_person(self, settings: Settings, profile_name: str, scope: str, grace_s: float) -> Keeper:
        """The source of the tokens of whoever signed in for the profile."""
        name = settings.profiles[profile_name].app
        kept_at = (place_of(settings, profile_name).path, settings.token_store.key)
        key = (name, scope, grace_s, kept_at, *_identity(settings, settings.apps[name]))
        if key not in self._keepers:
            changes: list[Change] = []
            unwritten: list[VaultError] = []
            issuer = person_issuer(
                settings, profile_name, scope, changes.append, read_only=self._read_only, on_unwritten=unwritten.append
            )
            self._keepers[key] = self._keeper(name, issuer, grace_s, _News(changes, profile_name, unwritten))
        return self._keepers[key]

    def _keeper(self, app_name: str, issuer: Issuer, grace_s: float, news: _News) -> Keeper:
        """The issuer works in a thread and leaves its news behind; here, in the loop, they are told."""
        listener = self._listener
        if listener is None:
            return Keeper(issuer, grace_s=grace_s)

        def fetched(ms: float, expires_in: float) -> None:
            while news.changes:
                listener.changed(app_name, news.changes.pop(0))
            while news.unwritten:
                listener.unwritten(news.profile, news.unwritten.pop(0))
            listener.fetched(app_name, ms, expires_in)

        def kept(error: TokenError, left_s: float) -> None:
            listener.kept(app_name, error, left_s)

        return Keeper(issuer, grace_s=grace_s, on_fetched=fetched, on_kept=kept)


def _identity(settings: Settings, app: App) -> tuple[object, ...]:
    """What a token depends on: a change of it needs a new one."""
    out = settings.outgoing
    return (
        app.client_id, app.authority_url, app.ca_file, app.credential, app.next_credential,
        out.https_proxy, out.source_address,
    )  # fmt: skip
