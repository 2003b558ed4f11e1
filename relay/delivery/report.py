"""What the journal is told of an attempt."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from relay.message.outcome import Kind
from relay.policy.verdict import is_unknown
from relay.spool.store import State

if TYPE_CHECKING:
    from relay.delivery.decision import Decision
    from relay.spool.store import Claim
    from relay.telemetry.journal import Journal

_ANSWER = 500  # Exchange's diagnostics run to several KB; the first fields say it


def report(journal: Journal, claim: Claim, decision: Decision, ms: float) -> None:
    """One line for the attempt, and one for each recipient that failed while others did not.

    A message that left recipients behind goes on, whatever became of those it took along.
    """
    settlement = decision.settlement
    fields = {
        "id": claim.parcel.id, "device": claim.device, "profile": claim.profile, "mailbox": claim.mailbox,
        "host": settlement.host, "stage": settlement.stage, "answer": settlement.answer[:_ANSWER],
        "rule": settlement.rule, "meaning": settlement.meaning, "remedy": settlement.remedy,
        "unknown": is_unknown(settlement.rule) or None, "attempt": claim.attempt, "ms": ms,
        "age_s": round(max(0.0, time.time() - claim.received_at / 1000), 3),
        "left": claim.left or None,
    }  # fmt: skip
    failed = [result for result in settlement.recipients if result.state == "failed"]
    if claim.left or len(failed) < len(claim.parcel.recipients):
        for result in failed:
            journal.recipient_failed(
                id=claim.parcel.id, device=claim.device, recipient=result.address, answer=result.answer[:_ANSWER],
                rule=result.rule, meaning=result.meaning, remedy=result.remedy,
                unknown=is_unknown(result.rule) or None,
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
        journal.deferred(next_in_s=max(0, round(settlement.due_at / 1000 - time.time())), **fields)
