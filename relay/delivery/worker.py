"""One connection of a mailbox: claims, attempts, settles, and claims again, until there is nothing more to do.

A delivered message is settled while the next one is already on its way; what touches others (a pause, a rest of the
mailbox) is written before anything else is claimed.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from relay.delivery.attempt import Line
from relay.delivery.decision import Moment, decide, taken
from relay.delivery.passage import travel
from relay.delivery.report import report
from relay.message.outcome import Kind
from relay.policy.backoff import delay_s
from relay.policy.moved import moved
from relay.spool.store import Claim, Rest, SpoolError
from relay.telemetry.clock import apart_ms, lead_ms, now_ms

if TYPE_CHECKING:
    from relay.delivery.attempt import Result
    from relay.delivery.decision import Decision
    from relay.delivery.lane import Lane
    from relay.delivery.plan import Plan, Way


class Worker:
    """Works for a lane under the name it holds its slot by."""

    def __init__(self, lane: Lane, owner: str) -> None:
        self._lane = lane
        self._store = lane.store
        self._owner = owner
        self._line = Line()
        self._settling: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until the lane has no work or no place for it. Raises only what is a mistake of the relay."""
        try:
            while self._lane.has_a_place() and await self._step():
                pass
        finally:
            try:
                await self._settled()
            finally:
                await self._line.close()
                await self._leave()

    async def _leave(self) -> None:
        try:
            await self._store.leave(self._owner)
        except SpoolError as error:
            self._lane.report_broken(error)

    async def _step(self) -> bool:
        """One claim and what follows; False when there is nothing more to do."""
        try:
            seen, plan = self._lane.arrivals, self._lane.plan
            found = await self._claim(plan)
            if isinstance(found, Claim):
                await self._deliver(found, plan)
                return True
            await self._settled()
            if found.crowded and found.until is not None:
                self._lane.give_way(found.until)
                return False
            return await self._lane.rest(found, seen)
        except SpoolError as error:
            await self._line.close()
            self._lane.come_back(error)
            return False

    async def _claim(self, plan: Plan) -> Claim | Rest:
        found: Claim | Rest = Rest(None)
        pauses, curbs = self._lane.pauses, self._lane.curbs
        profiles, probes = pauses.ask(plan.ways, plan.settings.recheck_s)
        if profiles:
            leave, claim = curbs.ask(plan, now_ms()), None
            seat = self._lane.seat(self._owner, plan, profiles, leave.curbs)
            try:
                found = await self._store.claim(seat, lambda age_ms: _retry_ms(plan, age_ms))
                claim = found if isinstance(found, Claim) else None
            finally:
                pauses.answer(probes, claim.profile if claim else "")
                curbs.answer(leave, plan.ways[claim.profile] if claim else None, claim, now_ms())
        if isinstance(found, Claim):
            return found
        return replace(found, until=min(filter(None, (found.until, pauses.next_recheck(plan.ways))), default=None))

    async def _deliver(self, claim: Claim, plan: Plan) -> None:
        way = plan.ways[claim.profile]
        if claim.mailbox.lower() != plan.mailbox.lower():
            claim = _moved_to(way.facts.mailbox, claim)
        started = time.perf_counter()
        result = await self._travel(claim, way, plan)
        ms = round((time.perf_counter() - started) * 1000, 1)
        if apart_ms() != claim.apart_ms:
            claim = _by_the_clock(claim)
        decision, apart = self._decided(claim, result, plan), apart_ms()
        if decision.curb_until is not None:  # before the message is due again
            self._lane.curbs.begin(way.facts.tenant, decision.curb_until)
        await self._settled()
        decision, apart = decision.moved(apart_ms() - apart), apart_ms()
        self._settling = asyncio.get_running_loop().create_task(self._settle(claim, decision, ms), name="settle")
        if decision.kind is not Kind.DELIVERED or claim.profile in self._lane.pauses:
            await self._settled()
            decision = decision.moved(apart_ms() - apart)
            stale = decision.pause_until is not None and plan is not self._lane.plan
            if stale:  # by a configuration that a reload has replaced: the new one is tried at once
                decision = replace(decision, pause_until=None)
            await self._lane.follow(claim, decision, reached=not (result.met.early or stale))
        else:
            self._lane.went_well(claim, way)

    def _decided(self, claim: Claim, result: Result, plan: Plan) -> Decision:
        met = result.met
        if met.verdict is None and not (result.refused or met.uncertain or met.done):
            return taken(claim, met, result.transcript)
        decision = decide(claim, met, result.refused, plan.settings, self._moment(claim))
        return decision.told(result.transcript, claim.parcel.others)

    def _moment(self, claim: Claim) -> Moment:
        pauses, chance = self._lane.pauses, random.random()  # noqa: S311
        paused_s = pauses.paused_s(claim.profile, claim.received_at)
        return Moment(now_ms(), chance, self._lane.failures, pauses.in_vain(claim.profile), paused_s)

    async def _travel(self, claim: Claim, way: Way, plan: Plan) -> Result:
        """By the first transport or the second; what that says of the first is remembered."""
        detours, profile = self._lane.detours, claim.profile
        past_first = detours.past_first(profile, plan.settings.recheck_s)
        passage = await travel(claim.parcel, self._line, way, past_first=past_first)
        if passage.first_refused is not None and plan is self._lane.plan:  # else a reload may have mended it
            detours.begin(profile, plan, passage.first_refused, claim.parcel.others)
        elif passage.first_works:
            detours.end(profile, plan)
        return passage.result

    async def _settled(self) -> None:
        """Waits until the last outcome is written. Raises `SpoolError` when the lane stops and the disk does not."""
        settling, self._settling = self._settling, None
        if settling is not None:
            await settling

    async def _settle(self, claim: Claim, decision: Decision, ms: float) -> None:
        """Writes the outcome, as soon as the disk takes it: forgotten, it would cost a duplicate at the next start."""
        while True:
            try:
                await self._store.settle(claim, decision.settlement)
            except SpoolError as error:
                if self._lane.stopping.is_set():
                    raise
                await self._pass(self._lane.report_broken(error))
            else:
                report(self._lane.journal, claim, decision, ms)
                if claim.left:
                    self._lane.wake()
                return

    async def _pass(self, seconds: float) -> None:
        """Lets some time go by, or less when the lane is to stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._lane.stopping.wait()


def _moved_to(mailbox: str, claim: Claim) -> Claim:
    """The claim for the mailbox that signs in now: it may not send under the name of the one at acceptance."""
    head, sender = moved(claim.parcel.head, claim.parcel.sender, old=claim.mailbox, new=mailbox)
    return replace(claim, mailbox=mailbox, parcel=replace(claim.parcel, head=head, sender=sender))


def _by_the_clock(claim: Claim) -> Claim:
    """The claim by a clock that was set since it was made."""
    moved_ms = apart_ms() - claim.apart_ms
    aged_ms = lead_ms(apart_ms()) - lead_ms(claim.apart_ms)
    return replace(claim, received_at=claim.received_at + aged_ms, claimed_at=claim.claimed_at + moved_ms)


def _retry_ms(plan: Plan, age_ms: int) -> int:
    return int(delay_s(age_ms / 1000, schedule=plan.settings.retry_s, chance=random.random()) * 1000)  # noqa: S311
