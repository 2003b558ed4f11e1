"""The configured credentials of an app, as the room of tokens takes them, and the issuer built over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.tokens.answers import Route
from relay.tokens.certificate import Certificate, PemSource, PfxSource
from relay.tokens.credentials import Secret, TokenFile
from relay.tokens.entra import Entra
from relay.tokens.identity import ManagedIdentity
from relay.tokens.rotation import Rotation

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config.settings import App, AppCertificate, Federated, SecretRef, Settings
    from relay.config.settings import Credential as Configured
    from relay.tokens.credentials import Credential
    from relay.tokens.rotation import Change


def route_of(settings: Settings, app: App) -> Route:
    """How the app's sign-in leaves this machine."""
    return Route(app.ca_file, settings.outgoing.https_proxy, settings.outgoing.source_address)


def credentials_of(app: App) -> list[tuple[str, Credential]]:
    """Both credentials of the app, by the option each stands under."""
    configured = (("credential", app.credential), ("next_credential", app.next_credential))
    return [(option, credential_of(each, app.client_id)) for option, each in configured if each is not None]


def credential_of(configured: Configured, client_id: str) -> Credential:
    """One configured credential."""
    if configured.certificate is not None:
        return certificate_of(configured.certificate, client_id)
    if configured.federated is not None:
        return _federated(configured.federated)
    assert configured.secret is not None  # the configuration takes exactly one of the three
    return Secret(configured.secret.read, f"the client secret {configured.secret}")


def certificate_of(configured: AppCertificate, client_id: str) -> Certificate:
    """A configured certificate."""
    passphrase = _reader(configured.passphrase)
    if configured.pfx is not None:
        return Certificate(client_id, PfxSource(configured.pfx, passphrase), configured.send_chain)
    assert configured.certificate is not None
    assert configured.private_key is not None
    pem = PemSource(str(configured.certificate), configured.certificate.read, configured.private_key.read, passphrase)
    return Certificate(client_id, pem, configured.send_chain)


def app_issuer(
    settings: Settings, app_name: str, scope: str, on_change: Callable[[Change], None] | None = None
) -> Rotation:
    """Asks for app-only tokens with the first credential that Entra takes."""
    app = settings.apps[app_name]
    route = route_of(settings, app)
    issuers = []
    for option, each in credentials_of(app):
        entra = Entra(app.client_id, app.authority_url, scope, credential=each, route=route)
        issuers.append((f"apps.{app_name}.{option} ({each.name})", entra))
    return Rotation(issuers, on_change)


def _federated(configured: Federated) -> Credential:
    if configured.token_file is not None:
        return TokenFile(configured.token_file)
    return ManagedIdentity(configured.managed_identity, configured.audience)


def _reader(secret: SecretRef | None) -> Callable[[], str] | None:
    return None if secret is None else secret.read
