"""All lanes: one per mailbox, because Exchange's limits are per mailbox and a slow one must delay nobody else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from relay.delivery.clock import watch_clock
from relay.delivery.curbs import Curbs
from relay.delivery.lane import Lane
from relay.delivery.pauses import Pauses
from relay.delivery.plan import Plan
from relay.delivery.returns import Returns
from relay.spool.store import SpoolError
from relay.telemetry.clock import now_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relay.config.settings import Settings, Spool
    from relay.delivery.plan import Way
    from relay.spool.store import Store
    from relay.telemetry.journal import Journal

_PURGE_S = 600.0
_DAY_MS = 86_400_000


class Scheduler:
    """Moves stored mail upstream until stopped."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal
        self._lanes: dict[str, Lane] = {}
        self._lane_of: dict[str, Lane] = {}
        self._stopping = False
        self._pauses = Pauses(store, journal)
        self._returns = Returns(store, journal, self._pauses)
        self._curbs = Curbs()
        self._keep: Spool | None = None
        self._chores: list[asyncio.Task[None]] = []

    async def start(self, settings: Settings, ways: dict[str, Way]) -> None:
        """Takes up what the spool holds. Raises `SpoolError`."""
        await self._pauses.load()
        await self.plan(settings, ways)
        chores = {"purge": self._purge(), "clock": watch_clock(self._clock_moved), "returns": self._returns.run()}
        self._chores = [asyncio.get_running_loop().create_task(work, name=name) for name, work in chores.items()]

    async def plan(self, settings: Settings, ways: dict[str, Way]) -> None:
        """Puts a configuration in force, at the start and on reload; paused profiles are tried again at once."""
        plans = _plans(settings, ways)
        for mailbox in plans.keys() - self._lanes.keys():
            await self._store.open_mailbox(mailbox)
        if self._stopping:
            return
        self._keep = settings.spool
        self._put_in_force(plans, settings)
        self._returns.plan(settings)
        for profile in await self._store.profiles_waiting() - self._lane_of.keys():
            self._journal.service(
                "delivery.orphaned", level="error", profile=profile,
                remedy=f"mail of profile {profile} waits in the spool: put the profile back into the configuration",
            )  # fmt: skip

    def _put_in_force(self, plans: dict[str, Plan], settings: Settings) -> None:
        """All lanes at once, so that no profile has two mailboxes for a moment; who lost its profiles comes to rest."""
        for mailbox in plans.keys() - self._lanes.keys():
            self._lanes[mailbox] = Lane(plans[mailbox], self._store, self._journal, self._pauses, self._curbs)
        for mailbox, lane in self._lanes.items():
            lane.replan(plans.get(mailbox) or Plan(mailbox, settings.limits_of(mailbox), {}, settings.delivery))
        self._lane_of = {profile: self._lanes[mailbox] for mailbox, plan in plans.items() for profile in plan.ways}

    def mail(self, profile: str) -> None:
        """A message of this profile was stored."""
        lane = self._lane_of.get(profile)
        if lane is not None:
            lane.wake()

    def look_again(self, profiles: Iterable[str]) -> None:
        """An operator wants them tried now: a paused one by one message, as after a reload."""
        for profile in profiles:
            lane = self._lane_of.get(profile)
            if lane is not None:
                lane.look_again(profile)

    async def stop(self, deadline_s: float) -> int:
        """Finishes attempts in hand within the deadline; returns how many were cut."""
        self._stopping = True
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        return sum(await asyncio.gather(*(lane.stop(deadline_s) for lane in self._lanes.values())))

    async def _clock_moved(self, by_ms: int) -> None:
        """Times in the spool follow; every lane looks anew, for its timers were set by the old clock.

        Raises `SpoolError`: then it is called again.
        """
        try:
            await self._store.clock_moved(by_ms)
        except SpoolError as error:
            self._journal.delivery_broken(reason=f"the spool could not follow the clock: {error}")
            raise
        self._pauses.clock_moved(by_ms)
        self._curbs.clock_moved(by_ms)
        self._journal.service("clock.moved", by_s=round(by_ms / 1000))
        for lane in self._lanes.values():
            lane.wake_all()

    async def _purge(self) -> None:
        """Forgets settled messages when their time is over, a few at a time."""
        while True:
            now = now_ms()
            assert self._keep is not None
            delivered = now - self._keep.keep_delivered_days * _DAY_MS
            failed = now - self._keep.keep_failed_days * _DAY_MS
            forgotten = 0
            try:
                forgotten = await self._store.purge(delivered, failed)
            except SpoolError as error:
                self._journal.delivery_broken(reason=f"old messages could not be forgotten: {error}")
            if not forgotten:
                await asyncio.sleep(_PURGE_S)


def _plans(settings: Settings, ways: dict[str, Way]) -> dict[str, Plan]:
    """One plan for all profiles that share a mailbox; by mailbox in lower case, as Exchange compares."""
    shared: dict[str, dict[str, Way]] = {}
    for name, profile in settings.profiles.items():
        shared.setdefault(profile.mailbox.lower(), {})[name] = ways[name]
    return {
        mailbox: Plan(mailbox, settings.limits_of(mailbox), its_ways, settings.delivery)
        for mailbox, its_ways in shared.items()
    }
