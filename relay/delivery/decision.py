"""From what an attempt met to what is written and who else is touched: pure, clock and chance passed in.

| verdict                    | the message                        | others                                          |
|----------------------------|------------------------------------|-------------------------------------------------|
| delivered                  | settled                            | –                                               |
| transient or throttle,     | tried again with the mailbox       | the mailbox rests, longer with each failure     |
| of mailbox, profile, site  |                                    |                                                 |
| transient or throttle,     | tried again later, own schedule    | –                                               |
| of message, recipient      |                                    |                                                 |
| configuration of a message | kept, tried at the recheck         | –                                               |
| configuration of a profile | kept, never bounced                | the profile pauses until the recheck, longer    |
|                            |                                    | with each one in vain                           |
| transient, but lasting     | as configuration, once its         | the profile pauses until the recheck            |
|                            | `patience_s` is over               |                                                 |
| hold, corrupt              | kept, shown, not tried again       | –                                               |
| message, recipient         | failed                             | –                                               |
| uncertain                  | tried again or held, as configured | –                                               |
| throttle of mailbox,       | as above                           | the mailbox is slowed down                      |
| profile                    |                                    |                                                 |
| too many recipients        | again in smaller envelopes         | –                                               |
| tenant's external limit    | internal recipients at once        | external recipients of the tenant wait          |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from relay.message.outcome import Kind, Scope
from relay.policy.backoff import delay_s, expired, recheck_after_s, rest_s
from relay.policy.envelope import TOO_MANY, smaller
from relay.policy.external import EXTERNAL_LIMIT
from relay.policy.verdicts import Class, Verdict
from relay.spool.store import Claim, RecipientResult, Settlement, State
from relay.transport.transport import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.config.settings import Delivery
    from relay.message.address import Address

Results = Sequence[RecipientResult]

_ITS_OWN = (Scope.MESSAGE, Scope.RECIPIENT)
_SITE_REST_MAX_S = 300.0  # an outage ends unannounced; five minutes is what it may cost after that
_THROTTLE_S = 60.0
_ASIDE = {Class.HOLD: State.HELD, Class.CORRUPT: State.CORRUPT}
_EXTERNAL_S = 3600.0
_DOUBTS_MAX = 10  # as many copies as a mailbox may get because answers were lost


@dataclass(frozen=True, slots=True)
class Moment:
    """When, and with which luck: epoch milliseconds, a random number in [0, 1), failures of the mailbox in a row,
    rechecks of the profile in vain; how many seconds of its age the message has waited for the profile to be mended.
    """

    now: int
    chance: float
    failures: int
    rechecks: int = 0
    paused_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Met:
    """What an attempt met: the words of the other side and what they mean. No verdict: it was accepted.

    `done` are recipients that another way had reached before, each with its answer.
    """

    verdict: Verdict | None
    answer: str
    stage: str
    host: str
    early: bool = False  # it ended before this message was mentioned to the server
    uncertain: bool = False
    done: tuple[tuple[Address, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The settlement, and what follows: the mailbox rests, the profile pauses, external recipients of the tenant wait
    until then (epoch milliseconds); `slowed`: the mailbox keeps a slower pace from now on.
    """

    settlement: Settlement
    kind: Kind
    rest_until: int | None = None
    pause_until: int | None = None
    curb_until: int | None = None
    slowed: bool = False
    about: tuple[Address, ...] = ()

    def moved(self, by_ms: int) -> Decision:
        """The same, by a clock that was set since: its times move along."""
        if by_ms == 0:
            return self
        times = {name: getattr(self, name) for name in ("rest_until", "pause_until", "curb_until")}
        later = {name: until + by_ms for name, until in times.items() if until is not None}
        return replace(self, settlement=self.settlement.moved(by_ms), **later)

    def told(self, transcript: str, about: tuple[Address, ...]) -> Decision:
        """With what was said in the attempt, to be kept with it, and with the recipients whom texts may quote."""
        return replace(self, settlement=replace(self.settlement, transcript=transcript), about=about)


def taken(claim: Claim, met: Met, transcript: str) -> Decision:
    """All of it was accepted, as nearly always: made in one go, the same as `decide` and `told`."""
    parcel, answer = claim.parcel, met.answer
    results = [RecipientResult(address, "delivered", answer) for address in parcel.recipients]
    settlement = Settlement(
        State.DELIVERED, Kind.DELIVERED, host=met.host, stage=met.stage, answer=answer, recipients=tuple(results),
        transcript=transcript,
    )  # fmt: skip
    return Decision(settlement, Kind.DELIVERED, about=parcel.others)


def decide(
    claim: Claim, met: Met, refused: Mapping[Address, tuple[Verdict, str]], settings: Delivery, moment: Moment
) -> Decision:
    """What becomes of the claimed message."""
    if met.uncertain:
        return _uncertain(claim, met, settings, moment)
    if met.verdict is None:
        decision = _accepted(claim, met, refused, settings, moment)
    else:
        decision = _not_accepted(claim, met, met.verdict, settings, moment)
    verdicts = [verdict for verdict, _ in refused.values()] + ([met.verdict] if met.verdict else [])
    return _beyond_a_limit(decision, len(claim.parcel.recipients), verdicts, moment)


def _beyond_a_limit(decision: Decision, claimed: int, verdicts: Sequence[Verdict], moment: Moment) -> Decision:
    """What a limit of envelopes or of the tenant leaves for the next submission."""
    settlement = decision.settlement
    if settlement.state is not State.QUEUED:
        return decision
    found = {verdict.rule: verdict for verdict in verdicts}
    if TOO_MANY in found:
        accepted = sum(result.state == State.DELIVERED for result in settlement.recipients)
        due = (
            moment.now if accepted else settlement.due_at
        )  # else every smaller envelope takes its turn of the schedule
        settlement = replace(settlement, split=smaller(claimed, accepted), due_at=due)
    if EXTERNAL_LIMIT in found:  # due at once: the claim that follows takes those inside and puts the others off
        until = moment.now + int((found[EXTERNAL_LIMIT].wait_s or _EXTERNAL_S) * 1000)
        return replace(decision, settlement=replace(settlement, due_at=moment.now), curb_until=until)
    return replace(decision, settlement=settlement)


def _accepted(
    claim: Claim, met: Met, refused: Mapping[Address, tuple[Verdict, str]], settings: Delivery, moment: Moment
) -> Decision:
    """Every recipient has an outcome of its own; those refused for now are tried again, the others are not."""
    results, done = [], dict(met.done)
    for address in claim.parcel.recipients:
        verdict, answer = refused.get(address, (None, done.get(address, met.answer)))
        if verdict is None:
            results.append(RecipientResult(address, "delivered", answer))
        elif _final(verdict):
            results.append(_failed(address, answer, verdict))
    if len(results) < len(claim.parcel.recipients):
        verdict, answer = next(pair for pair in refused.values() if not _final(pair[0]))
        met = Met(verdict, answer, Stage.RCPT, met.host)
        return _not_accepted(claim, met, verdict, settings, moment, results)
    failed = next((result for result in results if result.state == "failed"), None)
    if failed is not None:
        verdict, answer = refused[failed.address]
        met = Met(verdict, answer, Stage.RCPT, met.host)
    kind = Kind.FAILED if failed is not None else Kind.DELIVERED
    return Decision(_settlement(State(kind), kind, met, 0, results), kind)


def _not_accepted(
    claim: Claim, met: Met, verdict: Verdict, settings: Delivery, moment: Moment, results: Results = ()
) -> Decision:
    """`results` are recipients that have their final outcome already; the verdict is on the others."""
    if _final(verdict):
        return _given_up(claim, met, results)
    if verdict.cls in _ASIDE:
        return Decision(_settlement(_ASIDE[verdict.cls], Kind.HELD, met, moment.now, results), Kind.HELD)
    age_s = (moment.now - claim.received_at) / 1000
    if verdict.cls is Class.CONFIGURATION or (verdict.patience_s is not None and age_s > verdict.patience_s):
        return _misconfigured(met, verdict, settings, moment, results)
    if expired(age_s - moment.paused_s, expire_after_s=settings.expire_after_s):
        return _given_up(claim, met, results)
    if met.early or verdict.scope not in _ITS_OWN:
        rest = moment.now + _rest_ms(verdict, settings, moment)
        slowed = verdict.cls is Class.THROTTLE and verdict.scope not in _ITS_OWN
        settlement = _settlement(State.QUEUED, Kind.DEFERRED, met, rest, results)
        return Decision(settlement, Kind.DEFERRED, rest_until=rest, slowed=slowed)
    due = moment.now + _own_delay_ms(verdict, age_s, settings, moment)
    return Decision(_settlement(State.QUEUED, Kind.DEFERRED, met, due, results), Kind.DEFERRED)


def _misconfigured(met: Met, verdict: Verdict, settings: Delivery, moment: Moment, results: Results) -> Decision:
    """Mail is kept for as long as it takes to mend; it never expires for a fault that is not its own."""
    alone = verdict.scope in _ITS_OWN
    recheck = moment.now + int(recheck_after_s(0 if alone else moment.rechecks, settings.recheck_s) * 1000)
    settlement = _settlement(State.QUEUED, Kind.DEFERRED, met, recheck if alone else moment.now, results)
    return Decision(settlement, Kind.DEFERRED, pause_until=None if alone else recheck)


def _uncertain(claim: Claim, met: Met, settings: Delivery, moment: Moment) -> Decision:
    """Too old, or too often in doubt, it is neither sent again (it may have arrived each time) nor given up: a person
    decides.
    """
    done = [RecipientResult(address, "delivered", answer) for address, answer in met.done]
    age_s = (moment.now - claim.received_at) / 1000
    old = expired(age_s - moment.paused_s, expire_after_s=settings.expire_after_s)
    if old or claim.doubtful >= _DOUBTS_MAX or settings.uncertain == "hold":
        return Decision(_settlement(State.HELD, Kind.UNCERTAIN, met, moment.now, done), Kind.UNCERTAIN)
    due = moment.now + _own_delay_ms(None, age_s, settings, moment)
    return Decision(_settlement(State.UNCERTAIN, Kind.UNCERTAIN, met, due, done), Kind.UNCERTAIN)


def _given_up(claim: Claim, met: Met, results: Results) -> Decision:
    known = {result.address for result in results}
    rest = [
        RecipientResult(address, "failed", met.answer) for address in claim.parcel.recipients if address not in known
    ]
    return Decision(_settlement(State.FAILED, Kind.FAILED, met, 0, [*results, *rest]), Kind.FAILED)


def _settlement(state: State, kind: Kind, met: Met, due_at: int, recipients: Results = ()) -> Settlement:
    verdict = met.verdict
    return Settlement(
        state=state, outcome=kind, due_at=due_at, host=met.host, stage=met.stage, answer=met.answer,
        rule=verdict.rule if verdict else "", meaning=verdict.meaning if verdict else "",
        remedy=verdict.remedy if verdict else "", recipients=tuple(recipients),
    )  # fmt: skip


def _failed(address: Address, answer: str, verdict: Verdict | None) -> RecipientResult:
    if verdict is None:
        return RecipientResult(address, "failed", answer)
    return RecipientResult(address, "failed", answer, verdict.rule, verdict.meaning, verdict.remedy)


def _final(verdict: Verdict) -> bool:
    return verdict.cls in (Class.MESSAGE, Class.RECIPIENT)


def _own_delay_ms(verdict: Verdict | None, age_s: float, settings: Delivery, moment: Moment) -> int:
    """Until a message is tried again that waits alone: as the answer says, else by its age."""
    if verdict is not None and verdict.wait_s is not None:
        return int(verdict.wait_s * 1000)
    delay = delay_s(age_s, schedule=settings.retry_s, chance=moment.chance)
    return int(max(_least_s(verdict), delay) * 1000)


def _rest_ms(verdict: Verdict, settings: Delivery, moment: Moment) -> int:
    if verdict.wait_s is not None:
        return int(verdict.wait_s * 1000)
    step = rest_s(moment.failures + 1, schedule=settings.retry_s, chance=moment.chance)
    return int(max(_least_s(verdict), min(step, _SITE_REST_MAX_S)) * 1000)


def _least_s(verdict: Verdict | None) -> float:
    return _THROTTLE_S if verdict is not None and verdict.cls is Class.THROTTLE else 0.0
