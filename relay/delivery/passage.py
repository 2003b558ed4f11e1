"""One attempt by a profile's first transport and, where that one is no way for this mail, by its second in the same go.

The second is tried when the first was refused for its configuration, or does not take such a message or recipient at
all (`Way.takes_over`). Never when anything is in doubt: no mail is sent twice. What the first has delivered is done,
whatever the second says, and a fault of the second is then this message's alone: the first works for the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from relay.delivery.attempt import Line, Result, attempt
from relay.message.outcome import Scope
from relay.policy.verdicts import Class

if TYPE_CHECKING:
    from relay.delivery.decision import Met
    from relay.delivery.plan import Way
    from relay.message.address import Address
    from relay.message.parcel import Parcel
    from relay.policy.verdicts import Verdict

_ITS_OWN = (Scope.MESSAGE, Scope.RECIPIENT)


@dataclass(frozen=True)
class Passage:
    """What was met, and what it says of the first transport: refused for its configuration, working, or neither."""

    result: Result
    first_refused: Met | None = None
    first_works: bool = False


async def travel(parcel: Parcel, line: Line, way: Way, *, past_first: bool = False) -> Passage:
    """Sends one parcel; `past_first`: by the second alone, because the first is known to be refused."""
    second = way.second
    if second is None:
        return Passage(await attempt(parcel, line, way.transport, way.facts))
    if past_first:
        return Passage(await attempt(parcel, line, second.transport, second.facts))
    first = await attempt(parcel, line, way.transport, way.facts)
    misconfigured = is_misconfigured(first.met)
    left = parcel.recipients if misconfigured else _not_for_the_first(first, parcel, way)
    if not left:
        return Passage(first, first_works=_is_proof(first.met))
    then = await attempt(replace(parcel, recipients=left), line, second.transport, second.facts)
    if not misconfigured:
        return Passage(_joined(first, then, parcel, left), first_works=_is_proof(first.met))
    if is_misconfigured(then.met):
        return Passage(_both_refused(first, then, second.kind))
    return Passage(then, first_refused=first.met)


def is_misconfigured(met: Met) -> bool:
    """Whether the way itself was refused, and not one message on it."""
    verdict = met.verdict
    if verdict is None or met.uncertain:
        return False
    return verdict.cls is Class.CONFIGURATION and verdict.scope not in _ITS_OWN


def _is_proof(met: Met) -> bool:
    """Whether the way was seen to work: it took the message, or judged it. The relay's own refusals prove nothing."""
    verdict = met.verdict
    return verdict is None or (verdict.cls.fails_mail and not verdict.rule.startswith("relay."))


def _not_for_the_first(first: Result, parcel: Parcel, way: Way) -> tuple[Address, ...]:
    """The recipients whose mail the first transport does not take by its nature: all, some or none."""
    met = first.met
    if met.uncertain:
        return ()
    if met.verdict is not None:
        return parcel.recipients if met.verdict.rule in way.takes_over else ()
    return tuple(address for address, (verdict, _) in first.refused.items() if verdict.rule in way.takes_over)


def _joined(first: Result, then: Result, parcel: Parcel, left: tuple[Address, ...]) -> Result:
    """Two results as one: what the first said stands for those it spoke of."""
    if set(left) == set(parcel.recipients):
        return Result(_alone(then.met), then.refused)
    kept = {address: said for address, said in first.refused.items() if address not in left}
    if then.met.verdict is not None and not then.met.uncertain:
        verdict, answer = _own(then.met.verdict), then.met.answer
        return Result(first.met, {**kept, **dict.fromkeys(left, (verdict, answer))})
    others = [address for address in parcel.recipients if address not in left and address not in kept]
    done = tuple((address, first.met.answer) for address in others)
    return Result(replace(then.met, done=done), {**kept, **then.refused})


def _both_refused(first: Result, then: Result, kind: str) -> Result:
    one, other = first.met.verdict, then.met.verdict
    assert one is not None
    assert other is not None
    verdict = replace(one, remedy=f"{one.remedy}. Or mend the fallback {kind}: {other.remedy}")
    answer = f"{first.met.answer}; the fallback {kind}: {then.met.answer}"
    return Result(replace(first.met, verdict=verdict, answer=answer))


def _alone(met: Met) -> Met:
    return met if met.verdict is None else replace(met, verdict=_own(met.verdict), early=False)


def _own(verdict: Verdict) -> Verdict:
    return verdict if verdict.scope in _ITS_OWN else replace(verdict, scope=Scope.MESSAGE)
