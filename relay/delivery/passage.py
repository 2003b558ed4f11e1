"""One attempt by a profile's first transport and, where that one is no way for this mail, by its second in the same go.

The second is tried when the first was refused for its configuration, or does not take such a message or recipient at
all (`Way.takes_over`). Never when anything is in doubt: no mail is sent twice. What the first has delivered is done,
whatever the second says, and a fault of the second is then this message's alone: the first works for the others. Where
the first is refused, mail that is not for the second (`Way.never_takes`) is kept for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from relay.delivery.attempt import Line, Result, attempt
from relay.message.outcome import Scope
from relay.message.transcript import shortened
from relay.policy.verdicts import Class
from relay.transport.transport import Stage

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
        return Passage(await _instead(parcel, line, way, second))
    first = await attempt(parcel, line, way.transport, way.facts)
    refused = _refusal(first)
    if refused is not None:
        then = _after(first, await _instead(parcel, line, way, second), second)
        other = _refusal(then)
        if other is None:
            return Passage(then, refused)
        return Passage(replace(_both_refused(refused, other, second.kind), transcript=then.transcript))
    left = _not_for_the_first(first, parcel, way)
    if not left:
        return Passage(first, first_works=_is_proof(first.met))
    then = _after(first, await attempt(replace(parcel, recipients=left), line, second.transport, second.facts), second)
    joined = replace(_joined(first, then, parcel, left), transcript=then.transcript)
    return Passage(joined, first_works=_is_proof(first.met))


def _after(first: Result, then: Result, second: Way) -> Result:
    """The second result, with what both ways heard."""
    lines = [*first.transcript.splitlines(), f"       - by the fallback {second.kind}:", *then.transcript.splitlines()]
    return replace(then, transcript=shortened(lines))


async def _instead(parcel: Parcel, line: Line, way: Way, second: Way) -> Result:
    """By the second while the first is refused: what it does not take by its nature waits until that is mended."""
    result = await attempt(parcel, line, second.transport, second.facts)

    def kept(verdict: Verdict) -> Verdict:
        if verdict.rule not in second.never_takes:
            return verdict
        remedy = (
            f"The fallback {second.kind} does not take this message, so that it waits for transport {way.kind} to be "
            f"mended; what that lacks says: relay doctor {way.facts.profile}"
        )
        return replace(verdict, cls=Class.CONFIGURATION, remedy=remedy)

    met = result.met if result.met.verdict is None else replace(result.met, verdict=kept(result.met.verdict))
    refused = {address: (kept(verdict), answer) for address, (verdict, answer) in result.refused.items()}
    return Result(met, refused, result.transcript)


def _refusal(result: Result) -> Met | None:
    """How the way itself was refused and not one message on it; None when it was not. It may say so to recipients."""
    met = result.met
    if met.uncertain:
        return None
    if met.verdict is not None:
        return met if _is_misconfigured(met.verdict) else None
    said = result.refused.values() if met.stage == Stage.RCPT else ()  # nobody was accepted
    told = (replace(met, verdict=verdict, answer=answer) for verdict, answer in said if _is_misconfigured(verdict))
    return next(told, None)


def _is_misconfigured(verdict: Verdict) -> bool:
    return verdict.cls is Class.CONFIGURATION and verdict.scope not in _ITS_OWN


def _is_proof(met: Met) -> bool:
    """Whether the way was seen to work: it took the message, or judged it. What it was not asked proves nothing."""
    return not met.early and (met.verdict is None or met.verdict.cls.fails_mail)


def _not_for_the_first(first: Result, parcel: Parcel, way: Way) -> tuple[Address, ...]:
    """The recipients whose mail the first transport does not take by its nature: all, some or none."""
    verdict = first.met.verdict
    if first.met.uncertain or (verdict is not None and not verdict.cls.fails_mail):
        return ()  # all of it is tried again
    if verdict is not None and verdict.rule in way.takes_over:
        return parcel.recipients
    return tuple(address for address, (said, _) in first.refused.items() if said.rule in way.takes_over)


def _joined(first: Result, then: Result, parcel: Parcel, left: tuple[Address, ...]) -> Result:
    """Two results as one: what the first said stands for those it spoke of."""
    if set(left) == set(parcel.recipients):
        return Result(_alone(then.met), then.refused)
    kept = {address: said for address, said in first.refused.items() if address not in left}
    others = [address for address in parcel.recipients if address not in left and address not in kept]
    if first.met.verdict is not None:
        kept |= dict.fromkeys(others, (first.met.verdict, first.met.answer))
        others = []
    if then.met.verdict is not None and not then.met.uncertain:
        said = (_own(then.met.verdict), then.met.answer)
        return Result(replace(first.met, verdict=None), {**kept, **dict.fromkeys(left, said)})
    done = tuple((address, first.met.answer) for address in others)
    return Result(replace(then.met, done=done), {**kept, **then.refused})


def _both_refused(first: Met, second: Met, kind: str) -> Result:
    one, other = first.verdict, second.verdict
    assert one is not None
    assert other is not None
    verdict = replace(one, remedy=f"{one.remedy}. Or mend the fallback {kind}: {other.remedy}")
    answer = f"{first.answer}; the fallback {kind}: {second.answer}"
    return Result(replace(first, verdict=verdict, answer=answer))


def _alone(met: Met) -> Met:
    return met if met.verdict is None else replace(met, verdict=_own(met.verdict), early=False)


def _own(verdict: Verdict) -> Verdict:
    return verdict if verdict.scope in _ITS_OWN else replace(verdict, scope=Scope.MESSAGE)
