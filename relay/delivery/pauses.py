"""Profiles that wait for their configuration to be mended: one message at a time tries whether it is, mail is kept.

The spool keeps a pause across restarts; between two rechecks nothing of the profile is claimed.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from relay.spool.store import Pause
from relay.telemetry.clock import now_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relay.delivery.decision import Decision
    from relay.spool.store import Store
    from relay.telemetry.journal import Journal


class Pauses:
    """All pauses of the relay, shared by the lanes."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal
        self._by_profile: dict[str, Pause] = {}
        self._in_vain: dict[str, int] = {}
        self._probing: set[str] = set()
        self._ending: set[str] = set()
        self._opened: dict[str, float] = {}
        self._started = time.monotonic()

    async def load(self) -> None:
        """Takes up what the spool kept. Raises `SpoolError`."""
        self._by_profile.update(await self._store.pauses())

    def __contains__(self, profile: str) -> bool:
        return profile in self._by_profile

    def ask(self, profiles: Iterable[str], recheck_s: float) -> tuple[tuple[str, ...], frozenset[str]]:
        """Before a claim: the profiles that may be tried now, and those of them that pause. Who asks first when a
        recheck is due is the one to find out; `answer` it after the claim.
        """
        if not self._by_profile:
            return tuple(profiles), frozenset()
        now = now_ms()
        open_ = tuple(name for name in profiles if name not in self or self._by_profile[name].until <= now)
        probes = frozenset(name for name in open_ if name in self)
        for name in probes:
            self._by_profile[name] = replace(self._by_profile[name], until=now + int(recheck_s * 1000))
        return open_, probes

    def answer(self, probes: Iterable[str], claimed: str) -> None:
        """After the claim: a message of the profile `claimed` finds out and its others wait; the rest is as before."""
        for name in probes:
            if name == claimed:
                self._probing.add(name)
            elif name in self:
                self._by_profile[name] = replace(self._by_profile[name], until=now_ms())

    def paused_s(self, profile: str, received_at: int) -> float:
        """How long a message has waited for its profile to be mended."""
        pause = self._by_profile.get(profile)
        return 0.0 if pause is None else max(0, now_ms() - max(pause.since, received_at)) / 1000

    def open_for_s(self, profile: str) -> float:
        """Seconds since its mail may leave: since the relay started, or the profile was resumed; 0 while it pauses."""
        return 0.0 if profile in self else time.monotonic() - self._opened.get(profile, self._started)

    def next_recheck(self, profiles: Iterable[str]) -> int | None:
        """When the next of them is tried (epoch milliseconds); one whose time has come is not waiting."""
        rechecks = (self._by_profile[name].until for name in profiles if name in self)
        return min((until for until in rechecks if until > now_ms()), default=None)

    def recheck_now(self, profiles: Iterable[str]) -> None:
        """Whoever reloads or restarts may have mended the cause."""
        for name in profiles:
            if name in self:
                self._by_profile[name] = replace(self._by_profile[name], until=now_ms())
                self._in_vain.pop(name, None)

    def clock_moved(self, by_ms: int) -> None:
        """What the spool did to the times it keeps is done to these."""
        for name, pause in self._by_profile.items():
            self._by_profile[name] = replace(pause, since=pause.since + by_ms, until=pause.until + by_ms)

    def in_vain(self, profile: str) -> int:
        """How many rechecks of it have found nothing mended, since somebody reloaded or restarted."""
        return self._in_vain.get(profile, 0)

    async def begin(self, profile: str, mailbox: str, decision: Decision, recheck_s: float) -> int:
        """Pauses the profile, or goes on doing so; returns when it is tried again. Raises `SpoolError`."""
        settlement = decision.settlement
        earlier = self._by_profile.get(profile)
        pause = Pause(
            profile=profile, since=earlier.since if earlier else now_ms(), until=decision.pause_until or 0,
            rule=settlement.rule, answer=settlement.answer, meaning=settlement.meaning, remedy=settlement.remedy,
        )  # fmt: skip
        self._by_profile[profile] = pause
        if profile in self._probing or earlier is None:  # not a second message that was under way at the same time
            self._in_vain[profile] = self.in_vain(profile) + 1
            self._probing.discard(profile)
        await self._store.pause(pause)
        self._journal.paused(
            profile=profile, mailbox=mailbox, rule=pause.rule, meaning=pause.meaning, remedy=pause.remedy,
            answer=pause.answer, recheck_s=recheck_s, about=decision.about,
        )  # fmt: skip
        return pause.until

    async def end(self, profile: str, mailbox: str) -> None:
        """The cause is gone: what waited is due. Raises `SpoolError`: then it pauses on."""
        if profile in self._ending:
            return
        self._ending.add(profile)
        try:
            await self._store.resume(profile)
        finally:
            self._ending.discard(profile)
        self._by_profile.pop(profile, None)
        self._in_vain.pop(profile, None)
        self._probing.discard(profile)
        self._opened[profile] = time.monotonic()
        self._journal.resumed(profile=profile, mailbox=mailbox)
