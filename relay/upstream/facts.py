"""The names a profile's verdicts and remedies speak of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.config.clouds import HOSTS
from relay.policy.verdicts import Facts

if TYPE_CHECKING:
    from relay.config.settings import Settings


def facts_of(settings: Settings, profile_name: str) -> Facts:
    """What fills the remedies for mail of this profile."""
    profile, endpoint = settings.profiles[profile_name], settings.endpoint_of(profile_name)
    app = settings.apps[profile.app]
    hosts = HOSTS[app.cloud]
    return Facts(
        profile=profile_name, mailbox=profile.mailbox, account=profile.upn or profile.mailbox, host=endpoint.host,
        port=str(endpoint.port), app=profile.app, tenant=app.tenant, client_id=app.client_id, scope=hosts.scope,
        login_host=hosts.login, smtp_host=hosts.smtp, graph_host=hosts.graph,
    )  # fmt: skip
