"""Tenants whose external recipients wait, because Exchange said that the organization has had its share of the day.

Kept in memory: after a restart one message is told again. Internal mail goes on; when the time is over, one message to
somebody outside finds out whether it may, and the others wait for what it finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.policy.external import Curb, is_internal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.delivery.plan import Plan, Way
    from relay.spool.store import Claim


@dataclass(frozen=True, slots=True)
class Leave:
    """What one claim may take: the profiles that are curbed, and the tenants that it may find out about."""

    curbs: Mapping[str, Curb]
    probes: frozenset[str] = frozenset()


_FREE = Leave({})


class Curbs:
    """All of them, shared by the lanes; times are epoch milliseconds."""

    def __init__(self) -> None:
        self._until: dict[str, int] = {}

    def begin(self, tenant: str, until: int) -> None:
        """External recipients of this tenant wait until then."""
        self._until[tenant] = until

    def clock_moved(self, by_ms: int) -> None:
        """The system's clock was set."""
        self._until = {tenant: until + by_ms for tenant, until in self._until.items()}

    def ask(self, plan: Plan, now: int) -> Leave:
        """Before a claim; who asks first when a time is over is the one to find out."""
        if not self._until:
            return _FREE
        tenants = {way.facts.tenant for way in plan.ways.values()} & self._until.keys()
        probes = frozenset(tenant for tenant in tenants if self._until[tenant] <= now)
        for tenant in probes:
            self._until[tenant] = now + int(plan.settings.recheck_s * 1000)
        curbed = {
            name: Curb(way.internal, self._until[way.facts.tenant])
            for name, way in plan.ways.items()
            if way.facts.tenant in tenants - probes
        }
        return Leave(curbed, probes)

    def answer(self, leave: Leave, way: Way | None, claim: Claim | None, now: int) -> None:
        """After the claim: what it does not find out, another one may."""
        for tenant in leave.probes:
            if way is None or claim is None or way.facts.tenant != tenant or not is_external(way, claim):
                self._until[tenant] = now

    def passed(self, way: Way, claim: Claim) -> None:
        """A message was accepted."""
        if self._until and is_external(way, claim):
            self._until.pop(way.facts.tenant, None)


def is_external(way: Way, claim: Claim) -> bool:
    """Whether somebody outside of the organization is among the recipients."""
    return any(not is_internal(address, way.internal) for address in claim.parcel.recipients)
