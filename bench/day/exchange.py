"""An Exchange that enforces its limits with its own words, and keeps its own books of what it saw.

It shares no rule with the relay: sessions are counted as they are open, the minute and the day from the list of all
that was accepted. A mailbox may be shared with an application that sends on its own.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relay.message.reply import Reply
from relay.tokens.source import TokenError
from relay.transport.transport import Receipt, Stage, TransportError

if TYPE_CHECKING:
    from bench.day.clock import Clock
    from relay.message.parcel import Parcel

SESSIONS, PER_MINUTE, PER_DAY, PER_MESSAGE = 3, 30, 10_000, 500
_CONNECT_S, _ROUND_TRIPS_S, _OCTETS_PER_S = 1.2, 0.4, 4_000_000
_PER_SESSION, _SESSION_S = 20, 300.0
_MINUTE, _DAY = 60.0, 86_400.0

_BUSY = Reply(
    432, "4.3.2", "Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more "
    "information. [Hostname=DM4PR18MB4126.namprd18.prod.outlook.com]",
)  # fmt: skip
_RATE = Reply(421, "4.4.2", "Message submission rate for this client has exceeded the configured limit")
_QUOTA = Reply(
    554, "5.2.0", "STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message due to a "
    "permanent exception with message Cannot submit message.",
)  # fmt: skip
_MANY = Reply(452, "4.5.3", "Too many recipients")
_TAKEN = Reply(250, "2.0.0", "OK")
_DOWN = Reply(421, "4.3.2", "Service not active")


@dataclass
class Mailbox:
    """The book of one mailbox: when it was sent from and to how many, by the relay and by others."""

    sessions: int = 0
    most_sessions: int = 0
    times: list[float] = field(default_factory=list)
    recipients: list[int] = field(default_factory=list)
    others: list[float] = field(default_factory=list)

    def minute(self, now: float) -> int:
        """Messages of the 60 seconds that end now, everybody's."""
        return sum(bisect_right(times, now) - bisect_right(times, now - _MINUTE) for times in (self.times, self.others))

    def day(self, now: float) -> int:
        """Recipients of the 24 hours that end now."""
        return sum(self.recipients[bisect_right(self.times, now - _DAY) :])

    def busiest_minute(self) -> int:
        """The most messages of the relay that any 60 seconds held."""
        return max((n - bisect_right(self.times, at - _MINUTE) for n, at in enumerate(self.times, 1)), default=0)

    def busiest_day(self) -> int:
        """The most recipients that any 24 hours held."""
        sums, total = [0], 0
        for count in self.recipients:
            total += count
            sums.append(total)
        return max(
            (sums[n] - sums[bisect_right(self.times, at - _DAY)] for n, at in enumerate(self.times, 1)), default=0
        )


@dataclass(frozen=True)
class Outage:
    """Between these times (seconds) nobody answers; `what` is exchange or entra."""

    what: str
    begins: float
    ends: float


class Exchange:
    """All mailboxes; `arrived` counts by message and recipient, `arrived_at` when a message was last accepted."""

    def __init__(self, clock: Clock, outages: tuple[Outage, ...]) -> None:
        self.clock = clock
        self._outages = outages
        self.mailboxes: defaultdict[str, Mailbox] = defaultdict(Mailbox)
        self.arrived: Counter[tuple[str, str]] = Counter()
        self.arrived_at: dict[str, float] = {}
        self.refusals: Counter[tuple[str, str]] = Counter()

    def is_down(self, what: str) -> bool:
        return any(one.what == what and one.begins <= self.clock.now < one.ends for one in self._outages)

    def judged(self, mailbox: str, parcel: Parcel) -> Reply:
        """The answer to a message; what is accepted is booked."""
        book, now = self.mailboxes[mailbox], self.clock.now
        said = _BUSY if book.sessions > SESSIONS else _RATE if book.minute(now) >= PER_MINUTE else None
        said = said or (_MANY if len(parcel.recipients) > PER_MESSAGE else None)
        said = said or (_QUOTA if book.day(now) + len(parcel.recipients) > PER_DAY else None)
        if said is not None:
            self.refusals[mailbox, str(said)[:9]] += 1
            return said
        book.times.append(now)
        book.recipients.append(len(parcel.recipients))
        self.arrived.update((parcel.id, address) for address in parcel.recipients)
        return _TAKEN


class Upstream:
    """The `relay.transport.transport.Transport` of one mailbox."""

    def __init__(self, exchange: Exchange, mailbox: str) -> None:
        self.exchange = exchange
        self.mailbox = mailbox

    async def connect(self) -> Line:
        """Seconds pass, as they do."""
        await asyncio.sleep(_CONNECT_S)
        if self.exchange.is_down("entra"):
            raise TokenError("temporarily_unavailable", "AADSTS90033: A transient error has occurred.", status=503)
        if self.exchange.is_down("exchange"):
            raise TransportError(Stage.GREETING, str(_DOWN), host="smtp.office365.com", reply=_DOWN)
        book = self.exchange.mailboxes[self.mailbox]
        book.sessions += 1
        book.most_sessions = max(book.most_sessions, book.sessions)
        return Line(self)


class Line:
    """One signed-in session."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._since = upstream.exchange.clock.now
        self._count = 0
        self._alive = True

    @property
    def usable(self) -> bool:
        return (
            self._alive and self._count < _PER_SESSION and self._upstream.exchange.clock.now - self._since < _SESSION_S
        )

    async def send(self, parcel: Parcel) -> Receipt:
        """Takes as long as the message is large."""
        exchange = self._upstream.exchange
        answer = exchange.judged(self._upstream.mailbox, parcel)
        await asyncio.sleep(_ROUND_TRIPS_S + parcel.body_size / _OCTETS_PER_S)
        self._count += 1
        if answer.positive:
            exchange.arrived_at[parcel.id] = exchange.clock.now
        if answer.code == 421:
            raise TransportError(Stage.MAIL, str(answer), host="smtp.office365.com", reply=answer)
        return Receipt("smtp.office365.com", answer)

    async def close(self) -> None:
        await asyncio.sleep(0)
        if self._alive:
            self._alive = False
            self._upstream.exchange.mailboxes[self._upstream.mailbox].sessions -= 1
