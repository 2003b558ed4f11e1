"""All lanes: one per mailbox, because Exchange's limits are per mailbox and a slow one must delay nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from relay.delivery.lane import Lane, Plan
from relay.spool.store import Pause, SpoolError

if TYPE_CHECKING:
    from relay.config.settings import Settings, Spool
    from relay.delivery.lane import Way
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
        self._pauses: dict[str, Pause] = {}
        self._keep: Spool | None = None
        self._purging: asyncio.Task[None] | None = None

    async def start(self, settings: Settings, ways: dict[str, Way]) -> None:
        """Takes up what the spool holds. Raises `SpoolError`."""
        self._pauses.update(await self._store.pauses())
        await self.plan(settings, ways)
        self._purging = asyncio.get_running_loop().create_task(self._purge(), name="purge")

    async def plan(self, settings: Settings, ways: dict[str, Way]) -> None:
        """Puts a configuration in force, at the start and on reload; paused profiles are tried again at once."""
        self._keep = settings.spool
        for mailbox, names in _by_mailbox(settings).items():
            plan = Plan(mailbox, settings.limits_of(mailbox), {name: ways[name] for name in names}, settings.delivery)
            if mailbox in self._lanes:
                self._lanes[mailbox].plan = plan
            else:
                await self._store.open_mailbox(mailbox)
                self._lanes[mailbox] = Lane(plan, self._store, self._journal, self._pauses)
        await self._recheck()
        for _, profile in await self._store.waiting():
            self._wake(settings, profile)

    async def _recheck(self) -> None:
        """Whoever reloads or restarts may have mended the cause of a pause."""
        now = time.time_ns() // 1_000_000
        for name, pause in list(self._pauses.items()):
            self._pauses[name] = Pause(name, pause.since, now, pause.rule, pause.answer, pause.meaning, pause.remedy)

    def _wake(self, settings: Settings, profile: str) -> None:
        if profile in settings.profiles:
            lane = self._lanes[settings.profiles[profile].mailbox.lower()]
            for _ in range(lane.plan.limits.sessions):
                lane.wake()
        else:
            self._journal.service(
                "delivery.orphaned", level="error", profile=profile,
                remedy=f"mail of profile {profile} waits in the spool: put the profile back into the configuration",
            )  # fmt: skip

    def mail(self, mailbox: str) -> None:
        """A message for this mailbox was stored."""
        lane = self._lanes.get(mailbox.lower())
        if lane is not None:
            lane.wake()

    async def stop(self, deadline_s: float) -> int:
        """Finishes attempts in hand within the deadline; returns how many were cut."""
        if self._purging is not None:
            self._purging.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._purging
        return sum(await asyncio.gather(*(lane.stop(deadline_s) for lane in self._lanes.values())))

    async def _purge(self) -> None:
        """Forgets settled messages when their time is over, a few at a time."""
        while True:
            now = time.time_ns() // 1_000_000
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


def _by_mailbox(settings: Settings) -> dict[str, list[str]]:
    """Profiles by the mailbox they share, in lower case, as Exchange compares."""
    lanes: dict[str, list[str]] = {}
    for name, profile in settings.profiles.items():
        lanes.setdefault(profile.mailbox.lower(), []).append(name)
    return lanes
