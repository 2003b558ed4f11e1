"""When the credentials of the configured apps end: read from certificates, from the configuration, and from Graph.

Nothing here raises: what cannot be learned is left out, and told elsewhere when it matters.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from relay.config.clouds import HOSTS
from relay.config.settings import Resource, SecretError
from relay.tokens.answers import Route
from relay.tokens.registration import listed
from relay.tokens.source import TokenError
from relay.upstream.credentials import certificate_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.config.settings import App, Credential, Settings
    from relay.upstream.sources import Sources

_HINT = 3
"""Graph shows that many characters of a secret."""


@dataclass(frozen=True, slots=True)
class EndDate:
    """One credential's end (aware, UTC).

    `credential` is the option it stands under (credential, next_credential), empty for one that only the registration
    knows; `kind` is secret or certificate; `source` says who told (certificate, configuration, graph); `name` is a
    file's, or the one Entra shows.
    """

    app: str
    credential: str
    kind: str
    ends: datetime
    source: str
    name: str = ""


def configured(settings: Settings) -> list[EndDate]:
    """What this machine knows, for all apps. Blocks: it reads certificates."""
    return [
        end
        for app_name, app in settings.apps.items()
        for option, credential in _credentials(app)
        for end in _local(app_name, app, option, credential)
    ]


async def registered(settings: Settings, app_name: str, sources: Sources) -> list[EndDate]:
    """What Graph lists for the app, with a token of its own; empty where it may not read that, which is normal."""
    app = settings.apps[app_name]
    try:
        token = await sources.of_app(settings, app_name, app.scope_for(Resource.GRAPH, delegated=False)).token()
    except TokenError:
        return []
    url, route = _graph(settings, app_name)
    found = await asyncio.to_thread(listed, url, app.client_id, token.value, route)
    marks = await asyncio.to_thread(lambda: dict(_marks(app)))
    return [
        EndDate(app_name, marks.get((each.kind, each.mark), ""), each.kind, each.ends, "graph", each.name)
        for each in found
    ]


def _credentials(app: App) -> Iterator[tuple[str, Credential]]:
    for option, credential in (("credential", app.credential), ("next_credential", app.next_credential)):
        if credential is not None:
            yield option, credential


def _local(app_name: str, app: App, option: str, credential: Credential) -> Iterator[EndDate]:
    if credential.certificate is not None:
        certificate = certificate_of(credential.certificate, app.client_id)
        try:
            yield EndDate(app_name, option, "certificate", certificate.ends(), "certificate", str(certificate.source))
        except TokenError:
            return
    elif credential.expires is not None:
        midnight = datetime.combine(credential.expires, time(), UTC) + timedelta(days=1)
        yield EndDate(app_name, option, "secret", midnight, "configuration", str(credential.secret or ""))


def _marks(app: App) -> Iterator[tuple[tuple[str, str], str]]:
    """By what Graph's entries are recognised as ours; an end is a hint to look, so three characters may do."""
    for option, credential in reversed(list(_credentials(app))):
        try:
            if credential.secret is not None:
                yield ("secret", credential.secret.read()[:_HINT]), option
            elif credential.certificate is not None:
                yield ("certificate", certificate_of(credential.certificate, app.client_id).thumbprint()), option
        except (SecretError, TokenError):
            continue


def _graph(settings: Settings, app_name: str) -> tuple[str, Route]:
    """The address of Graph and the way there: as a profile of the app overrides them, else the cloud's."""
    app, out = settings.apps[app_name], settings.outgoing
    own = (profile.graph for profile in settings.profiles.values() if profile.app == app_name and profile.graph.url)
    graph = next(own, None)
    url = graph.url if graph else f"https://{HOSTS[app.cloud].graph}/v1.0"
    ca_file = graph.ca_file if graph and graph.ca_file else app.ca_file
    return url, Route(ca_file, out.https_proxy, out.source_address)
