"""A throttled mailbox, as its lane sees it: one message at a time finds out when it may go on, and the journal is told.

The pace itself is kept in the spool, where claims are made; what is kept here is only what a restart may forget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.policy.pace import pace_at
from relay.telemetry.clock import now_ms

if TYPE_CHECKING:
    from relay.delivery.decision import Decision
    from relay.spool.store import Claim
    from relay.telemetry.journal import Journal


class Slowness:
    """Of one mailbox. `probing` from the throttling answer until a message is taken."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._pace, self._quiet_since = 1.0, 0
        self.probing = False

    def begin(self, claim: Claim, decision: Decision, pace: float | None) -> None:
        """A message was throttled; `pace` is None when the mailbox was slowed down for another one already."""
        self.probing = True
        if pace is None:
            return
        now, settlement = now_ms(), decision.settlement
        self._pace, self._quiet_since = pace, decision.rest_until or now
        self._journal.slowed(
            mailbox=claim.mailbox, profile=claim.profile, pace=pace, rule=settlement.rule, meaning=settlement.meaning,
            remedy=settlement.remedy, answer=settlement.answer, about=decision.about,
            rest_s=round(max(0, self._quiet_since - now) / 1000, 3),
        )  # fmt: skip

    def passed(self, mailbox: str) -> None:
        """A message was taken."""
        self.probing = False
        if self._pace < 1 and pace_at(self._pace, self._quiet_since, now_ms()) >= 1:
            self._pace = 1.0
            self._journal.recovered(mailbox=mailbox, pace=1.0)
