"""The names a profile's verdicts and remedies speak of."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from relay.config.clouds import HOSTS
from relay.config.settings import TransportKind
from relay.policy.verdicts import Facts

if TYPE_CHECKING:
    from relay.config.settings import Settings


def facts_of(settings: Settings, profile_name: str, kind: TransportKind | None = None) -> Facts:
    """What fills the remedies for mail of this profile, on its way by that transport (by its own, unless given)."""
    profile = settings.profiles[profile_name]
    app = settings.apps[profile.app]
    hosts = HOSTS[app.cloud]
    host, port = _server(settings, profile_name, kind or profile.transport)
    return Facts(
        profile=profile_name, mailbox=profile.mailbox, account=profile.upn or profile.mailbox, host=host,
        port=str(port), app=profile.app, tenant=app.tenant, client_id=app.client_id, scope=hosts.scope,
        login_host=hosts.login, smtp_host=hosts.smtp, graph_host=hosts.graph,
    )  # fmt: skip


def _server(settings: Settings, profile_name: str, kind: TransportKind) -> tuple[str, int]:
    if kind is TransportKind.CONNECTOR:
        at = settings.profiles[profile_name].connector
        return at.host, at.port
    if kind is TransportKind.GRAPH:
        url = urlsplit(settings.graph_url_of(profile_name))
        return url.hostname or "", url.port or 443
    endpoint = settings.endpoint_of(profile_name, kind)
    return endpoint.host, endpoint.port
