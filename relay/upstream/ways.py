"""How the mail of each configured profile leaves: by its transport, and by its fallback where it has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.config.settings import TooBig, TransportKind
from relay.delivery.plan import Way
from relay.upstream.facts import facts_of

if TYPE_CHECKING:
    from relay.config.settings import Profile, Settings
    from relay.upstream.transports import Transports

_TOO_BIG = frozenset({"relay.graph-too-big", "graph.request-too-big"})
_OUTSIDE = frozenset({"relay.hve-external"})


def way_of(settings: Settings, profile_name: str, transports: Transports) -> Way:
    """A profile's way, and behind it its second one."""
    profile = settings.profiles[profile_name]
    second = None if profile.fallback is None else _way(settings, profile_name, profile.fallback, transports)
    first = _way(settings, profile_name, profile.transport, transports)
    return Way(first.transport, first.facts, first.idle_s, first.kind, second, _takes_over(profile))


def _way(settings: Settings, profile_name: str, kind: TransportKind, transports: Transports) -> Way:
    transport = transports.of(settings, profile_name, kind)
    return Way(transport, facts_of(settings, profile_name, kind), settings.profiles[profile_name].idle_s, kind)


def _takes_over(profile: Profile) -> frozenset[str]:
    """The refusals of the first transport that are by its nature, and leave mail to the fallback."""
    if profile.transport is TransportKind.GRAPH and profile.graph.too_big is TooBig.FALLBACK:
        return _TOO_BIG
    return _OUTSIDE if profile.transport is TransportKind.HVE else frozenset()
