"""What waits too long: late mail is made known once, old mail is given up, both by the spool's sweeps.

An attempt gives up what is too old by itself; the sweep is for mail that gets none, behind a mailbox that rests. It
leaves a profile alone until that has been open for as long as a message may live, counted from the relay's start or
from the profile's resumption: mail that waited for a person, or for a machine that was off, is tried before it expires.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.policy.expiry import waits_for_mending
from relay.telemetry.clock import now_ms

if TYPE_CHECKING:
    from relay.config.settings import Settings
    from relay.delivery.pauses import Pauses
    from relay.spool.store import Store
    from relay.telemetry.journal import Journal

_LONGEST_S = 60.0


class Ages:
    """The sweeps of all profiles."""

    def __init__(self, store: Store, journal: Journal, pauses: Pauses) -> None:
        self._store = store
        self._journal = journal
        self._pauses = pauses
        self._warned_before: dict[str, int] = {}

    @staticmethod
    def interval_s(settings: Settings) -> float:
        """How often to look: each minute, or as often as short times ask for."""
        return min(_LONGEST_S, settings.notices.delayed_after_s / 4, settings.delivery.expire_after_s / 4)

    async def look(self, settings: Settings) -> None:
        """One sweep of each. Raises `SpoolError`."""
        for profile in settings.profiles:
            if settings.notices.delayed:
                await self._warn(profile, settings)
            await self._expire(profile, settings)

    async def _warn(self, profile: str, settings: Settings) -> None:
        """What was looked at once is not looked at again."""
        before = now_ms() - int(settings.notices.delayed_after_s * 1000)
        after = min(self._warned_before.get(profile, 0), before)
        await self._store.notices.warn_late(profile, after, before)
        self._warned_before[profile] = before

    async def _expire(self, profile: str, settings: Settings) -> None:
        limit_s = settings.delivery.expire_after_s
        if self._pauses.open_for_s(profile) < limit_s:
            return
        before = now_ms() - int(limit_s * 1000)
        for one in await self._store.notices.expire(profile, before, waits_for_mending):
            self._journal.failed(
                id=one.id, device=one.device, profile=one.profile, mailbox=one.mailbox, answer=one.answer,
                rule=one.rule, meaning=one.meaning, remedy=one.remedy, attempt=one.attempts, expired_after_s=limit_s,
                about=one.recipients,
            )  # fmt: skip
