"""The spool as a state machine: any number of seats claim, settle, leave and crash in any order; the laws hold.

An operator may say a word at any time. Never more owners than sessions, no message in two hands, an old fence settles
nothing, every accepted message is queued, in somebody's hands, or settled; a dropped one is in nobody's.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from relay.policy.orders import Order, obstacle
from relay.spool.browse import Browser
from relay.spool.orders import Giver
from relay.spool.store import Claim, Rest, Settlement, State
from tests.spool.conftest import MAILBOX, Desk

if TYPE_CHECKING:
    from collections.abc import Coroutine

SESSIONS = 2
OWNERS = ("one", "two", "three", "four")


class Spool(RuleBasedStateMachine):
    """Four seats at one mailbox that may have two connections."""

    claims: Bundle[Claim] = Bundle("claims")
    old: Bundle[Claim] = Bundle("old")

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.directory = tempfile.TemporaryDirectory()
        self.seated: set[str] = set()
        self.in_hand: dict[str, Claim] = {}
        self.states: dict[str, State] = {}
        self.to_hold: set[str] = set()
        self.doubted: set[str] = set()
        self.open()

    def open(self) -> None:
        self.desk = Desk(Path(self.directory.name), min_free_bytes=0)
        self.do(self.desk.store.open())
        self.do(self.desk.store.open_mailbox(MAILBOX))

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @rule()
    def accept(self) -> None:
        self.states[self.do(self.desk.put())] = State.QUEUED

    @rule(target=claims, owner=st.sampled_from(OWNERS))
    def claim(self, owner: str) -> Any:
        found = self.do(self.desk.store.claim(self.desk.seat(owner, sessions=SESSIONS), lambda _: 0))
        due = [name for name, state in self.states.items() if state in (State.QUEUED, State.UNCERTAIN)]
        if isinstance(found, Rest):
            assert not due or (owner not in self.seated and len(self.seated) == SESSIONS)
            return multiple()
        assert found.parcel.id in due
        assert found.parcel.id not in self.in_hand
        self.seated.add(owner)
        self.in_hand[found.parcel.id] = found
        self.states[found.parcel.id] = State.LEASED
        return found

    @rule(
        target=old,
        claim=consumes(claims),
        state=st.sampled_from([State.QUEUED, State.UNCERTAIN, State.DELIVERED, State.FAILED, State.HELD]),
    )
    def settle(self, claim: Claim, state: State) -> Claim:
        newest = self.in_hand.get(claim.parcel.id) is claim
        due = time.time_ns() // 1_000_000
        assert self.do(self.desk.store.settle(claim, Settlement(state, "x", due_at=due))) is newest
        if newest:
            del self.in_hand[claim.parcel.id]
            kept = claim.parcel.id in self.to_hold and state in (State.QUEUED, State.UNCERTAIN)
            self.states[claim.parcel.id] = State.HELD if kept else state
        return claim

    @rule(claim=old)
    def settle_again(self, claim: Claim) -> None:
        assert not self.do(self.desk.store.settle(claim, Settlement(State.FAILED, "late")))

    @rule(order=st.sampled_from(list(Order)), chance=st.randoms(use_true_random=False))
    def order(self, order: Order, chance: Any) -> None:
        """An operator's word on any message at any time: it is carried out whole, or not at all."""
        if not self.states:
            return
        name = chance.choice(sorted(self.states))
        before = self.states[name]
        reason = obstacle(order, before, held_by="anna" if name in self.to_hold else "")
        giver = Giver(order, "anna", time.time_ns() // 1_000_000)
        ordered = self.do(self.desk.store.order(giver, [name]))
        assert (ordered.done, bool(ordered.skipped)) == ([] if reason else [name], bool(reason))
        if reason:
            return
        self.to_hold.discard(name)
        if before is State.LEASED:
            self.to_hold |= {name} if order is Order.HOLD else set()
        elif order in (Order.HOLD, Order.DROP):
            self.states[name] = State.HELD if order is Order.HOLD else State.DROPPED
        elif before not in (State.QUEUED, State.UNCERTAIN):
            self.states[name] = State.UNCERTAIN if name in self.doubted else State.QUEUED

    @rule(owner=st.sampled_from(OWNERS))
    def leave(self, owner: str) -> None:
        self.do(self.desk.store.leave(owner))
        self.seated.discard(owner)

    @rule()
    def restart(self) -> None:
        """All leases end; who holds a claim from before holds an old one as soon as somebody claims anew."""
        self.do(self.desk.store.close())
        self.open()
        self.seated.clear()
        for name in self.in_hand:
            self.doubted.add(name)
            self.states[name] = State.HELD if name in self.to_hold else State.UNCERTAIN
        self.in_hand.clear()

    @invariant()
    def every_message_is_where_it_belongs(self) -> None:
        counted = dict.fromkeys(self.states.values(), 0)
        for state in self.states.values():
            counted[state] += 1
        assert Browser(Path(self.directory.name)).counts() == counted

    @invariant()
    def there_are_never_more_owners_than_sessions(self) -> None:
        assert len(self.seated) <= SESSIONS

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.do(self.desk.store.close())
            self.runner.close()
            self.directory.cleanup()


TestSpool = Spool.TestCase
TestSpool.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
