"""Very much mail while Exchange is down for a day, then drained inside the limits: a real spool, a virtual clock.

`make soak` runs it with ten thousand messages (RELAY_OUTAGE), `make test` with a thousand.
"""

from __future__ import annotations

import os
import random
from collections import Counter, deque
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bench.crowd import MAILBOX, PROFILE, fill
from relay.config.settings import Delivery, MailboxLimits
from relay.delivery.decision import Decision, Met, Moment, decide
from relay.message.outcome import Kind
from relay.policy.backoff import delay_s
from relay.policy.verdicts import Facts, judge_lost
from relay.spool import claims, mailboxes
from relay.spool.damage import Inspector
from relay.spool.database import connect
from relay.spool.store import Claim, Seat
from relay.telemetry.clock import now_ms

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

MESSAGES = int(os.environ.get("RELAY_OUTAGE", "1000"))
MINUTE_MS, DAY_MS = 60_000, 86_400_000
EXCHANGE_PER_MINUTE, EXCHANGE_PER_DAY = 30, 10_000
MAX_ATTEMPTS = 24 * 60 // 4 * 2  # a rest of five minutes, with its jitter, for each of two connections
FACTS = Facts(profile=PROFILE, mailbox=MAILBOX)
DOWN = Met(
    judge_lost("connect", "connection refused", FACTS), "connection refused", "connect", "pretend.test", early=True
)
TAKEN = Met(None, "250 2.0.0 OK", "final", "pretend.test")


class Site:
    """The spool of one mailbox under a clock that jumps to whatever comes next; `starts` are times of submissions."""

    def __init__(self, connection: sqlite3.Connection, bodies: Path) -> None:
        self.now = now_ms()
        self.attempts = 0
        self.starts: list[int] = []
        self.outcomes: Counter[str] = Counter()
        self._connection = connection
        self._means = claims.Means(Inspector(bodies))
        self._dice = random.Random(1)
        self._failures = 0
        self._settings, limits = Delivery(), MailboxLimits()
        self._seats = [
            Seat(
                f"one#{n}", MAILBOX, (PROFILE,), limits.sessions, limits.messages_per_minute, limits.recipients_per_day
            )
            for n in range(limits.sessions)
        ]
        mailboxes.add_mailbox(connection, MAILBOX)

    def run(self, met: Met, until: int) -> None:
        """Every attempt meets the same, until that time or until nothing is left."""
        while self.now < until:
            found = [self._claim(seat) for seat in self._seats]
            claimed = [claim for claim in found if isinstance(claim, Claim)]
            for claim in claimed:
                self._settle(claim, met)
            if not claimed:
                waits = [rest.until for rest in found if not isinstance(rest, Claim) and rest.until is not None]
                if not waits:
                    return
                self.now = max(self.now + 1, min(waits))

    def _claim(self, seat: Seat) -> Claim | object:
        return claims.claim(self._connection, seat, self._retry_ms, self._means, self.now)

    def _retry_ms(self, age_ms: int) -> int:
        chance = self._dice.random()
        return int(delay_s(age_ms / 1000, schedule=self._settings.retry_s, chance=chance) * 1000)

    def _settle(self, claim: Claim, met: Met) -> None:
        self.attempts += 1
        if not met.early:
            self.starts.append(self.now)
        moment = Moment(self.now, self._dice.random(), self._failures)
        decision = decide(claim, met, {}, self._settings, moment)
        assert claims.settle(self._connection, claim, decision.settlement, self.now)
        self.outcomes[decision.kind] += 1
        self._follow(decision)

    def _follow(self, decision: Decision) -> None:
        self._failures = self._failures + 1 if decision.rest_until is not None else 0
        if decision.rest_until is not None:
            mailboxes.block(self._connection, MAILBOX, decision.rest_until, self.now)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """The messages wait. Nothing here is about the disk, so one transaction holds it all."""
    fill(tmp_path, MESSAGES, files=False)
    with closing(connect(tmp_path / "spool.db")) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN IMMEDIATE")
        yield Site(connection, tmp_path / "bodies")


def most_within(starts: list[int], window_ms: int) -> int:
    """The most of them in any stretch of that length, wherever it begins."""
    inside: deque[int] = deque()
    most = 0
    for start in starts:
        inside.append(start)
        while inside[0] <= start - window_ms:
            inside.popleft()
        most = max(most, len(inside))
    return most


def test_the_mail_of_a_day_of_outage_is_drained_inside_the_limits(site: Site) -> None:
    """The outage costs a few hundred attempts, never a storm; then no minute and no day holds more than is allowed."""
    site.run(DOWN, site.now + DAY_MS)
    attempts_in_vain = site.attempts
    site.run(TAKEN, site.now + 3 * DAY_MS)
    assert 24 <= attempts_in_vain <= MAX_ATTEMPTS
    assert site.outcomes == {Kind.DEFERRED: attempts_in_vain, Kind.DELIVERED: MESSAGES}
    assert most_within(site.starts, MINUTE_MS) <= EXCHANGE_PER_MINUTE
    assert most_within(site.starts, DAY_MS) <= EXCHANGE_PER_DAY
    assert site.starts[-1] - site.starts[0] < DAY_MS
