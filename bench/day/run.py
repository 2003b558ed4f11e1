"""One day: mail comes in, the relay's own lanes and spool deliver it, and what came of it is counted at Exchange."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import structlog

from bench.day.clock import Clock, VirtualLoop, at_this_clock
from bench.day.exchange import Exchange, Upstream
from bench.day.office import mail_of, mailbox_of, others
from relay.config.settings import Delivery, MailboxLimits, Spool
from relay.delivery.curbs import Curbs
from relay.delivery.lane import Lane
from relay.delivery.pauses import Pauses
from relay.delivery.plan import Plan, Way
from relay.message.address import Address
from relay.policy.precedence import is_interactive, is_large, precedence_of
from relay.policy.verdict import Facts
from relay.spool.damage import Inspector, Sound, read
from relay.spool.queries import SCHEMA, SQL, STEPS
from relay.spool.sqlite import SqliteStore
from relay.spool.store import NewMessage, Stored
from relay.telemetry.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.day.office import Mail, Scenario

T = TypeVar("T")
MIDNIGHT = 1_800_144_000.0  # a Monday
_SAMPLE_S = 300.0
_LONGEST_S = 3 * 86_400.0
LARGE_BYTES = Delivery().large_bytes
_WAITING = "SELECT count(*) FROM message WHERE state IN ('queued', 'uncertain', 'leased')"


class _Trusting(Inspector):
    """Bodies are sizes alone in this day: there is nothing to find damage in."""

    def sound(self, connection: sqlite3.Connection, message_id: str) -> Sound | None:
        found = read(connection, message_id, SQL.claimed_parts)
        return found if isinstance(found, Sound) else None


class DayStore(SqliteStore):
    """The relay's spool, its statements and its rules, on a database in memory: no thread, no disk."""

    def __init__(self, on_mail: Callable[[str, str], None]) -> None:
        super().__init__(Path("day"), Spool(), on_mail)
        self._inspector = _Trusting(Path("day"))
        self.connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=256)
        self.connection.executescript(SCHEMA)
        self.connection.executescript(STEPS)

    async def _run(self, name: str, work: Callable[[sqlite3.Connection], T]) -> T:  # noqa: ARG002
        """As the writer thread does it; `name` is for fault points, of which there are none here."""
        await asyncio.sleep(0)
        self.connection.execute("BEGIN")
        result = work(self.connection)
        self.connection.execute("COMMIT")
        return result

    def waiting_now(self) -> int:
        return int(self.connection.execute(_WAITING).fetchone()[0])


@dataclass
class Day:
    """What came of it. `accepted` by message: when, its class, its recipients; samples are (time, waiting, busiest
    minute of all mailboxes).
    """

    scenario: Scenario
    exchange: Exchange
    accepted: dict[str, tuple[float, str, int]] = field(default_factory=dict)
    samples: list[tuple[float, int, int]] = field(default_factory=list)
    events: list[tuple[float, str, str]] = field(default_factory=list)


class Relay:
    """The lanes of all mailboxes on one spool."""

    def __init__(self, day: Day, clock: Clock) -> None:
        self._day = day
        self._clock = clock
        self.store = DayStore(lambda _, profile: self.lanes[profile].wake())
        journal = Journal(structlog.wrap_logger(structlog.ReturnLogger(), processors=[]))
        journal.tell(self._told)
        pauses, curbs = Pauses(self.store, journal), Curbs()
        self.lanes = {
            mailbox: Lane(self._plan(mailbox), self.store, journal, pauses, curbs)
            for mailbox in map(mailbox_of, range(day.scenario.mailboxes))
        }

    def _told(self, event: str, fields: dict[str, object]) -> None:
        if event.startswith(("mailbox.", "profile.")):
            self._day.events.append((self._clock.now - MIDNIGHT, event, str(fields.get("mailbox"))))

    def _plan(self, mailbox: str) -> Plan:
        facts = Facts(profile=mailbox, mailbox=mailbox, host="smtp.office365.com", tenant="contoso")
        way = Way(Upstream(self._day.exchange, mailbox), facts, internal=frozenset({"contoso.test"}))
        return Plan(mailbox, MailboxLimits(), {mailbox: way}, Delivery())

    async def accept(self, number: int, mail: Mail) -> None:
        """As a device would hand it in."""
        precedence = precedence_of(mail.size, interactive=mail.interactive, large_bytes=LARGE_BYTES)
        name = f"D{number:06}"
        kind = "large" if is_large(precedence) else "interactive" if is_interactive(precedence) else "bulk"
        self._day.accepted[name] = (self._clock.now, kind, mail.recipients)
        await self.store.accept(NewMessage(
            id=name, device=mail.device, profile=mail.mailbox, mailbox=mail.mailbox, sender=Address(mail.mailbox),
            recipients=tuple(Address(f"r{n}@contoso.test") for n in range(mail.recipients)), client="10.0.2.17",
            head=b"Subject: x\r\n\r\n", body=Stored(b"", mail.size), eight_bit=False, precedence=precedence,
        ))  # fmt: skip


def simulate(scenario: Scenario) -> Day:
    """The same day for the same scenario."""
    clock = Clock(MIDNIGHT + scenario.begins * 3600)
    day = Day(scenario, Exchange(clock, scenario.outages_at(MIDNIGHT)))
    shared, times = others()
    day.exchange.mailboxes[shared].others = [MIDNIGHT + at for at in times]
    random.seed(scenario.seed)  # the luck of the relay's own jitter
    with at_this_clock(clock), asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        runner.run(_played(day, clock))
    return day


async def _played(day: Day, clock: Clock) -> None:
    relay = Relay(day, clock)
    for mailbox in relay.lanes:
        await relay.store.open_mailbox(mailbox)
    sampling = asyncio.get_running_loop().create_task(_sampled(day, relay, clock))
    for number, mail in enumerate(mail_of(day.scenario)):
        await asyncio.sleep(max(0.0, MIDNIGHT + mail.at - clock.now))
        await relay.accept(number, mail)
    while relay.store.waiting_now() and clock.now < MIDNIGHT + _LONGEST_S:  # noqa: ASYNC110
        await asyncio.sleep(_SAMPLE_S)
    sampling.cancel()
    await asyncio.gather(*(lane.stop(60) for lane in relay.lanes.values()))


async def _sampled(day: Day, relay: Relay, clock: Clock) -> None:
    while True:
        busiest = max(book.minute(clock.now) for book in day.exchange.mailboxes.values())
        day.samples.append((clock.now - MIDNIGHT, relay.store.waiting_now(), busiest))
        await asyncio.sleep(_SAMPLE_S)
