"""Profiles whose mail leaves by their fallback, because their own transport is refused for its configuration.

Nothing waits meanwhile. One message at each recheck tries the first transport, so that it comes back by itself; a
reload and a restart try it at once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.policy.backoff import recheck_after_s

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from relay.delivery.decision import Met
    from relay.delivery.plan import Plan
    from relay.message.address import Address
    from relay.telemetry.journal import Journal


@dataclass(slots=True)
class _Detour:
    count: int
    until: float  # of time.monotonic


class Detours:
    """The detours of one lane."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._by_profile: dict[str, _Detour] = {}

    def past_first(self, profile: str, recheck_s: float) -> bool:
        """Whether the first transport is left out. Who is told no finds out; the others wait for what it finds."""
        detour = self._by_profile.get(profile)
        if detour is None:
            return False
        if time.monotonic() < detour.until:
            return True
        detour.until = time.monotonic() + recheck_s
        return False

    def begin(self, profile: str, plan: Plan, met: Met, about: Sequence[Address]) -> None:
        """The first transport was refused, the second was not; or once more. `about`: to whom the mail was."""
        way, verdict = plan.ways[profile], met.verdict
        count = self._by_profile[profile].count + 1 if profile in self._by_profile else 0
        recheck_s = recheck_after_s(count, plan.settings.recheck_s)
        self._by_profile[profile] = _Detour(count, time.monotonic() + recheck_s)
        assert verdict is not None
        assert way.second is not None
        self._journal.fallback(
            profile=profile, mailbox=plan.mailbox, transport=way.kind, fallback=way.second.kind, rule=verdict.rule,
            meaning=verdict.meaning, remedy=verdict.remedy, answer=met.answer, recheck_s=round(recheck_s, 3),
            about=about,
        )  # fmt: skip

    def end(self, profile: str, plan: Plan) -> None:
        """The first transport works."""
        if self._by_profile.pop(profile, None) is not None:
            kind = plan.ways[profile].kind
            self._journal.fallback_ended(profile=profile, mailbox=plan.mailbox, transport=kind)

    def recheck_now(self, profiles: Iterable[str]) -> None:
        """The next message of each tries the first transport."""
        for name in profiles:
            if name in self._by_profile:
                self._by_profile[name] = _Detour(0, 0.0)
