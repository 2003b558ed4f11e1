"""What the journal is told of an attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.message.outcome import Kind
from relay.policy.verdict import is_unknown
from relay.spool.store import State
from relay.telemetry.clock import now_ms

if TYPE_CHECKING:
    from relay.delivery.decision import Decision
    from relay.spool.store import Claim
    from relay.telemetry.journal import Journal


def report(journal: Journal, claim: Claim, decision: Decision, ms: float) -> None:
    """One line for the attempt, and one for each recipient that failed while others did not.

    A message that left recipients behind goes on, whatever became of those it took along.
    """
    settlement = decision.settlement
    fields = {
        "id": claim.parcel.id, "device": claim.device, "profile": claim.profile, "mailbox": claim.mailbox,
        "host": settlement.host, "stage": settlement.stage, "answer": settlement.answer,
        "rule": settlement.rule, "meaning": settlement.meaning, "remedy": settlement.remedy,
        "unknown": is_unknown(settlement.rule) or None, "attempt": claim.attempt, "ms": ms,
        "about": decision.about,
        "age_s": round(max(0.0, now_ms() / 1000 - claim.received_at / 1000), 3),
        "left": claim.left or None,
    }  # fmt: skip
    failed = [result for result in settlement.recipients if result.state == "failed"]
    if claim.left or len(failed) < len(claim.parcel.recipients):
        for result in failed:
            journal.recipient_failed(
                id=claim.parcel.id, device=claim.device, recipient=result.address, answer=result.answer,
                rule=result.rule, meaning=result.meaning, remedy=result.remedy,
                unknown=is_unknown(result.rule) or None, about=decision.about,
            )  # fmt: skip
    if decision.kind is Kind.DELIVERED:
        journal.delivered(**fields)
    elif decision.kind is Kind.FAILED and not claim.left:
        journal.failed(**fields)
    elif decision.kind is Kind.UNCERTAIN:
        journal.uncertain(action="hold" if settlement.state is State.HELD else "retry", **fields)
    elif decision.kind is Kind.HELD:
        (journal.corrupt if settlement.state is State.CORRUPT else journal.held)(**fields)
    else:
        journal.deferred(next_in_s=max(0, round((settlement.due_at - now_ms()) / 1000)), **fields)
