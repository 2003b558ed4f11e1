"""One mailbox on its way out: as many workers as it may have connections, started when there is work, gone when idle.

Workers wait by event, never by polling: new mail wakes one of them, a known time wakes all. Mail that comes while a
worker looks is never overlooked: `arrivals` is compared before it rests, and with `_seen` again when it has ended.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

from relay.delivery.curbs import Curbs
from relay.delivery.detours import Detours
from relay.delivery.slowness import Slowness
from relay.delivery.worker import Worker
from relay.policy.backoff import recheck_after_s
from relay.spool.store import Seat, SpoolError
from relay.telemetry.clock import now_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.delivery.decision import Decision
    from relay.delivery.pauses import Pauses
    from relay.delivery.plan import Plan, Way
    from relay.policy.external import Curb
    from relay.spool.store import Claim, Rest, Store
    from relay.telemetry.journal import Journal

_TROUBLE_S = 5.0
_EARLIEST_S = 0.005


class Lane:
    """The workers of one mailbox, and what they share."""

    def __init__(self, plan: Plan, store: Store, journal: Journal, pauses: Pauses, curbs: Curbs | None = None) -> None:
        self.plan = plan
        self.store = store
        self.journal = journal
        self.pauses = pauses
        self.curbs = curbs or Curbs()
        self.slowness = Slowness(journal)
        self.detours = Detours(journal)
        self.arrivals = 0
        self.failures = 0
        self.stopping = asyncio.Event()
        self._seen = 0
        self._workers: dict[asyncio.Task[None], str] = {}
        self._resting: list[asyncio.Event] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def replan(self, plan: Plan) -> None:
        """Puts a plan in force; attempts in hand end by the one they began with. Paused profiles are tried at once."""
        self.plan = plan
        self.pauses.recheck_now(plan.ways)
        self.detours.recheck_now(plan.ways)
        self.wake_all()

    def look_again(self, profile: str) -> None:
        """Somebody may have mended what this profile waits for."""
        self.pauses.recheck_now([profile])
        self.detours.recheck_now([profile])
        self.wake_all()

    # -- waking

    def wake_all(self) -> None:
        """There may be work for every connection the mailbox may have."""
        for _ in range(self.plan.limits.sessions):
            self.wake()

    def wake(self) -> None:
        """There may be work: wakes a resting worker, or starts one if the mailbox may have another connection."""
        self.arrivals += 1
        if self.stopping.is_set():
            return
        if self._resting:
            self._resting.pop().set()
        elif len(self._workers) < self.plan.limits.sessions:
            self._start()

    def wake_at(self, when_ms: int) -> None:
        """Wakes the lane at that time (epoch milliseconds), or earlier if it is asked to."""
        delay = max(_EARLIEST_S, (when_ms - now_ms()) / 1000)
        loop = asyncio.get_running_loop()
        when = loop.time() + delay
        if self._timer is not None and self._timer_at <= when and self._timer_at > loop.time():
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        self._timer = loop.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.wake_all()

    # -- workers

    def seat(self, owner: str, plan: Plan, profiles: tuple[str, ...], curbs: Mapping[str, Curb]) -> Seat:
        """What one worker asks the spool for work with."""
        limits = plan.limits
        return Seat(
            owner, plan.mailbox, profiles, limits.sessions, limits.messages_per_minute, limits.recipients_per_day,
            limits.recipients_per_message, curbs, probing=self.slowness.probing,
        )  # fmt: skip

    def _start(self) -> None:
        owner = self._free_owner()
        task = asyncio.get_running_loop().create_task(Worker(self, owner).run(), name=f"delivery {owner}")
        self._workers[task] = owner
        task.add_done_callback(self._on_end)

    def _free_owner(self) -> str:
        """A name is used again, so that a slot which could not be given back is the next worker's, not lost."""
        names = (f"{self.plan.mailbox}#{n}" for n in itertools.count(1))
        return next(name for name in names if name not in self._workers.values())

    def _on_end(self, task: asyncio.Task[None]) -> None:
        """Mail that came while the worker said goodbye woke nobody: another looks for it."""
        del self._workers[task]
        if self.stopping.is_set() or task.cancelled():
            return
        if (error := task.exception()) is not None:
            self.come_back(error)
        elif self.arrivals != self._seen and len(self._workers) < self.plan.limits.sessions:
            self._start()

    def has_a_place(self) -> bool:
        """Not when the lane stops, nor when a reload left the mailbox fewer connections."""
        return not self.stopping.is_set() and len(self._workers) <= self.plan.limits.sessions

    async def rest(self, until: Rest, seen: int) -> bool:
        """Waits for work as long as a connection is kept; False when none came. `seen` is `arrivals` before looking."""
        self._seen = max(self._seen, seen)
        if until.until is not None:
            self.wake_at(until.until)
        if self.arrivals != seen or self.stopping.is_set():
            return not self.stopping.is_set()
        event = asyncio.Event()
        self._resting.append(event)
        try:
            async with asyncio.timeout(self.plan.idle_s):
                await event.wait()
        except TimeoutError:
            return False
        finally:
            if event in self._resting:
                self._resting.remove(event)
        return True

    def give_way(self, until: int) -> None:
        """A worker leaves because the mailbox may have fewer connections now; one that stays looks for the mail."""
        self._seen = self.arrivals
        self.wake_at(until)
        if self._resting:
            self._resting.pop().set()

    def went_well(self, claim: Claim, way: Way) -> None:
        """Exchange took a message."""
        self.failures = 0
        self.curbs.passed(way, claim)
        self.slowness.passed(self.plan.mailbox)

    async def follow(self, claim: Claim, decision: Decision, *, reached: bool) -> None:
        """What an outcome means for the mailbox and the profile; `reached`: Exchange heard of the message."""
        self.failures = self.failures + 1 if decision.rest_until is not None else 0
        if decision.rest_until is not None:
            await self.store.block(self.plan.mailbox, decision.rest_until)
            if decision.slowed:
                self.slowness.begin(claim, decision, await self.store.slow(claim, decision.rest_until))
        if decision.pause_until is not None:
            self.detours.recheck_now([claim.profile])  # the fallback is refused too: both are tried at the recheck
            recheck_s = recheck_after_s(self.pauses.in_vain(claim.profile), self.plan.settings.recheck_s)
            self.wake_at(await self.pauses.begin(claim.profile, self.plan.mailbox, decision, recheck_s))
        elif reached and claim.profile in self.pauses:
            await self.pauses.end(claim.profile, self.plan.mailbox)
            self.wake_all()
        if decision.settlement.due_at:
            self.wake_at(max(decision.settlement.due_at, decision.rest_until or 0))

    # -- trouble

    def report_broken(self, error: BaseException) -> float:
        """Tells of a fault of the disk or of our own; returns after how many seconds to try again."""
        disk = isinstance(error, SpoolError)
        self.journal.delivery_broken(
            mailbox=self.plan.mailbox, reason=str(error) if disk else repr(error), next_in_s=_TROUBLE_S,
            remedy=f"look at the disk of {self.store.directory}" if disk else "a mistake of the relay, report it",
        )  # fmt: skip
        return _TROUBLE_S

    def come_back(self, error: BaseException) -> None:
        """A worker could not go on; the lane looks again later."""
        self._seen = self.arrivals
        self.wake_at(now_ms() + int(self.report_broken(error) * 1000))

    async def stop(self, deadline_s: float) -> int:
        """Lets attempts in hand finish; returns how many had to be cut (their messages count as in doubt)."""
        self.stopping.set()
        if self._timer is not None:
            self._timer.cancel()
        for event in self._resting:
            event.set()
        if not self._workers:
            return 0
        _, late = await asyncio.wait(set(self._workers), timeout=deadline_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return len(late)
