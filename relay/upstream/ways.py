"""How the mail of each configured profile leaves: by its transport, and by its fallback where it has one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from relay.config.settings import TooBig, TransportKind
from relay.delivery.plan import Way
from relay.policy.external import internal_domains
from relay.upstream.facts import facts_of

if TYPE_CHECKING:
    from relay.config.settings import Profile, Settings
    from relay.upstream.transports import Transports

_BY_NATURE = {
    TransportKind.GRAPH: frozenset({"relay.graph-too-big", "graph.request-too-big"}),
    TransportKind.HVE: frozenset({"relay.hve-external", "smtp.hve-external"}),
}


def way_of(settings: Settings, profile_name: str, transports: Transports) -> Way:
    """A profile's way, and behind it its second one."""
    profile = settings.profiles[profile_name]
    second = None if profile.fallback is None else _way(settings, profile_name, profile.fallback, transports)
    first = _way(settings, profile_name, profile.transport, transports)
    internal = internal_domains(profile.internal_domains, profile.mailbox)
    return replace(first, second=second, takes_over=_takes_over(profile, first), internal=internal)


def _way(settings: Settings, profile_name: str, kind: TransportKind, transports: Transports) -> Way:
    transport, idle_s = transports.of(settings, profile_name, kind), settings.profiles[profile_name].idle_s
    never_takes = _BY_NATURE.get(kind, frozenset())
    return Way(transport, facts_of(settings, profile_name, kind), idle_s, kind, never_takes=never_takes)


def _takes_over(profile: Profile, first: Way) -> frozenset[str]:
    """The refusals of the first transport that leave mail to the fallback."""
    refuses = profile.transport is TransportKind.GRAPH and profile.graph.too_big is TooBig.REFUSE
    return frozenset() if refuses else first.never_takes
