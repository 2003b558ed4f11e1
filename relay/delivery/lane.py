"""One mailbox on its way out: as many workers as it may have connections, started when there is work, gone when idle.

A worker claims, attempts, settles, and claims again over the same connection. It waits by event, never by polling: new
mail wakes one worker, a known time wakes the lane. Mail that comes while a worker looks is never overlooked:
`_arrivals` is compared before it rests, and again with `_seen` when it has said goodbye and ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from relay.delivery.attempt import Line, attempt
from relay.delivery.decision import Decision, Moment, decide
from relay.delivery.report import report
from relay.policy.backoff import delay_s
from relay.spool.store import Claim, Pause, Rest, Seat, SpoolError

if TYPE_CHECKING:
    from relay.config.settings import Delivery, MailboxLimits
    from relay.delivery.attempt import Result
    from relay.policy.verdicts import Facts
    from relay.spool.store import Settlement, Store
    from relay.telemetry.journal import Journal
    from relay.transport.transport import Transport

_TROUBLE_S = 5.0
_EARLIEST_S = 0.005


class Way:
    """How one profile's mail leaves: its transport, and the names its verdicts speak of."""

    def __init__(self, transport: Transport, facts: Facts, idle_s: float) -> None:
        self.transport = transport
        self.facts = facts
        self.idle_s = idle_s


class Plan:
    """What the configuration says of a mailbox; a reload puts another in its place."""

    def __init__(self, mailbox: str, limits: MailboxLimits, ways: dict[str, Way], settings: Delivery) -> None:
        self.mailbox = mailbox
        self.limits = limits
        self.ways = ways
        self.settings = settings


class Lane:
    """The workers of one mailbox."""

    def __init__(self, plan: Plan, store: Store, journal: Journal, pauses: dict[str, Pause]) -> None:
        self.plan = plan
        self._store = store
        self._journal = journal
        self._pauses = pauses
        self._workers: dict[asyncio.Task[None], str] = {}
        self._resting: list[asyncio.Event] = []
        self._arrivals = 0
        self._seen = 0
        self._failures = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._stopping = asyncio.Event()

    def replan(self, plan: Plan) -> None:
        """Puts a plan in force; attempts in hand end by the one they began with. Paused profiles are tried at once."""
        self.plan = plan
        for name in plan.ways.keys() & self._pauses.keys():
            self._pauses[name] = replace(self._pauses[name], until=_now())
        self.wake_all()

    # -- waking

    def wake_all(self) -> None:
        """There may be work for every connection the mailbox may have."""
        for _ in range(self.plan.limits.sessions):
            self.wake()

    def wake(self) -> None:
        """There may be work: wakes a resting worker, or starts one if the mailbox may have another connection."""
        self._arrivals += 1
        if self._stopping.is_set():
            return
        if self._resting:
            self._resting.pop().set()
        elif len(self._workers) < self.plan.limits.sessions:
            self._start()

    def wake_at(self, when_ms: int) -> None:
        """Wakes the lane at that time (epoch milliseconds), or earlier if it is asked to."""
        delay = max(_EARLIEST_S, when_ms / 1000 - time.time())
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

    def _start(self) -> None:
        owner = self._free_owner()
        task = asyncio.get_running_loop().create_task(self._work(owner), name=f"delivery {owner}")
        self._workers[task] = owner
        task.add_done_callback(self._on_end)

    def _free_owner(self) -> str:
        """A name is used again, so that a slot which could not be given back is the next worker's, not lost."""
        names = (f"{self.plan.mailbox}#{n}" for n in itertools.count(1))
        return next(name for name in names if name not in self._workers.values())

    def _on_end(self, task: asyncio.Task[None]) -> None:
        """Mail that came while the worker said goodbye woke nobody: another looks for it."""
        del self._workers[task]
        if self._stopping.is_set() or task.cancelled():
            return
        if (error := task.exception()) is not None:
            self._report_broken(error)
            self.wake_at(_now() + int(_TROUBLE_S * 1000))
        elif self._arrivals != self._seen and len(self._workers) < self.plan.limits.sessions:
            self._start()

    async def stop(self, deadline_s: float) -> int:
        """Lets attempts in hand finish; returns how many had to be cut (their messages count as in doubt)."""
        self._stopping.set()
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

    # -- one worker

    async def _work(self, owner: str) -> None:
        line = Line()
        try:
            while self._has_a_place() and await self._step(owner, line):
                pass
        finally:
            await line.close()
            await self._leave(owner)

    def _has_a_place(self) -> bool:
        """Not when the lane stops, nor when a reload left the mailbox fewer connections."""
        return not self._stopping.is_set() and len(self._workers) <= self.plan.limits.sessions

    async def _step(self, owner: str, line: Line) -> bool:
        """One claim and what follows; False when the worker has nothing more to do."""
        try:
            seen, plan = self._arrivals, self.plan
            found = await self._claim(plan, owner)
            if isinstance(found, Claim):
                await self._deliver(found, plan, line)
                return True
            self._seen = max(self._seen, seen)
            return await self._rest(found, seen)
        except SpoolError as error:
            self._report_broken(error)
            await line.close()
            self._seen = self._arrivals  # looked at when the time below has come
            self.wake_at(_now() + int(_TROUBLE_S * 1000))
            return False

    def _report_broken(self, error: BaseException) -> None:
        disk = isinstance(error, SpoolError)
        self._journal.delivery_broken(
            mailbox=self.plan.mailbox, reason=str(error) if disk else repr(error), next_in_s=_TROUBLE_S,
            remedy=f"look at the disk of {self._store.directory}" if disk else "a mistake of the relay, report it",
        )  # fmt: skip

    async def _leave(self, owner: str) -> None:
        try:
            await self._store.leave(owner)
        except SpoolError as error:
            self._journal.delivery_broken(mailbox=self.plan.mailbox, reason=str(error))

    async def _claim(self, plan: Plan, owner: str) -> Claim | Rest:
        found: Claim | Rest = Rest(None)
        if profiles := self._open_profiles():
            seat = Seat(owner, plan.mailbox, profiles, plan.limits.sessions, plan.limits.messages_per_minute)
            found = await self._store.claim(seat, self._retry_ms)
        if isinstance(found, Claim):
            self._probe(found.profile)
            return found
        return Rest(min(filter(None, (found.until, self._next_recheck())), default=None))

    async def _rest(self, rest: Rest, seen: int) -> bool:
        """Keeps the connection for a while; False when it was not needed again."""
        if rest.until is not None:
            self.wake_at(rest.until)
        if self._arrivals != seen or self._stopping.is_set():
            return not self._stopping.is_set()
        event = asyncio.Event()
        self._resting.append(event)
        try:
            async with asyncio.timeout(max((way.idle_s for way in self.plan.ways.values()), default=0)):
                await event.wait()
        except TimeoutError:
            return False
        finally:
            if event in self._resting:
                self._resting.remove(event)
        return True

    async def _deliver(self, claim: Claim, plan: Plan, line: Line) -> None:
        way = plan.ways[claim.profile]
        started = time.perf_counter()
        result = await attempt(claim.parcel, line, way.transport, way.facts)
        decision = decide(claim, result.met, result.refused, plan.settings, self._moment())
        await self._settle(claim, decision.settlement, line)
        report(self._journal, claim, decision, round((time.perf_counter() - started) * 1000, 1))
        await self._follow(claim, decision, result)

    async def _settle(self, claim: Claim, settlement: Settlement, line: Line) -> None:
        """Writes the outcome, as soon as the disk takes it: forgotten, it would cost a duplicate at the next start."""
        while True:
            try:
                await self._store.settle(claim, settlement)
            except SpoolError as error:
                if self._stopping.is_set():
                    raise
                self._report_broken(error)
                await line.close()
                await self._pass(_TROUBLE_S)
            else:
                return

    async def _pass(self, seconds: float) -> None:
        """Lets some time go by, or less when the lane is to stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _follow(self, claim: Claim, decision: Decision, result: Result) -> None:
        """What the outcome means for the mailbox and the profile."""
        self._failures = self._failures + 1 if decision.rest_until is not None else 0
        if decision.rest_until is not None:
            await self._store.block(self.plan.mailbox, decision.rest_until)
        if decision.pause_until is not None:
            await self._pause(claim.profile, decision, result)
        elif not result.met.early and claim.profile in self._pauses:
            await self._resume(claim.profile)
        if decision.settlement.due_at:
            self.wake_at(max(decision.settlement.due_at, decision.rest_until or 0))

    # -- pauses

    def _open_profiles(self) -> tuple[str, ...]:
        now = _now()
        return tuple(name for name in self.plan.ways if name not in self._pauses or self._pauses[name].until <= now)

    def _next_recheck(self) -> int | None:
        """When the next paused profile is tried; a profile whose time has come is not paused."""
        pauses = (self._pauses[name].until for name in self.plan.ways if name in self._pauses)
        return min((until for until in pauses if until > _now()), default=None)

    def _probe(self, profile: str) -> None:
        """One message tries whether the cause is gone; the others wait for its outcome."""
        pause = self._pauses.get(profile)
        if pause is not None:
            self._pauses[profile] = replace(pause, until=_now() + int(self.plan.settings.recheck_s * 1000))

    async def _pause(self, profile: str, decision: Decision, result: Result) -> None:
        settlement = decision.settlement
        earlier = self._pauses.get(profile)
        pause = Pause(
            profile=profile, since=earlier.since if earlier else _now(), until=decision.pause_until or 0,
            rule=settlement.rule, answer=result.met.answer, meaning=settlement.meaning, remedy=settlement.remedy,
        )  # fmt: skip
        self._pauses[profile] = pause
        await self._store.pause(pause)
        self._journal.paused(
            profile=profile, mailbox=self.plan.mailbox, rule=pause.rule, meaning=pause.meaning, remedy=pause.remedy,
            answer=pause.answer, recheck_s=self.plan.settings.recheck_s,
        )  # fmt: skip
        self.wake_at(pause.until)

    async def _resume(self, profile: str) -> None:
        self._pauses.pop(profile, None)
        await self._store.resume(profile)
        self._journal.resumed(profile=profile, mailbox=self.plan.mailbox)
        self.wake_all()

    # -- numbers

    def _retry_ms(self, attempt_number: int) -> int:
        return int(delay_s(attempt_number, schedule=self.plan.settings.retry_s, chance=random.random()) * 1000)  # noqa: S311

    def _moment(self) -> Moment:
        return Moment(_now(), random.random(), self._failures)  # noqa: S311


def _now() -> int:
    return time.time_ns() // 1_000_000
