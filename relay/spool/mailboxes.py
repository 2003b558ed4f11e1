"""What a mailbox may have now: connections, starts of the minute, recipients of the day.

Operations of the writer thread, parts of the transaction of a claim or a settlement; the clock comes in, so that a
simulated day runs the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from relay.policy import budget
from relay.policy.pace import pace_at, per_minute_at, sessions_at, slowed
from relay.policy.quota import gcra
from relay.policy.turns import is_due
from relay.spool.queries import SQL

if TYPE_CHECKING:
    import sqlite3

    from relay.spool.store import Claim, Seat

_RENEW_MS = 3_600_000  # what is left of a lease: longer than attempts by both ways may take (each gives up after half)
_LEASE_MS = 4_500_000
_SLOTS = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """A mailbox as it is now; `blocked_until` is 0 when nothing holds it up."""

    tat: int
    blocked_until: int
    pace: float


class Slot(NamedTuple):
    """One connection that the mailbox may have."""

    n: int
    owner: str
    lease_until: int
    large: int


@dataclass(frozen=True, slots=True)
class Day:
    """Recipients of the rolling window; its stretches by when they began, None where none is counted."""

    spent: int
    oldest: int | None
    newest: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """All that a claim asks of a mailbox."""

    standing: Standing
    day: Day
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """The connection an owner has or may have; `may_be_large`: enough others are left for small messages."""

    slot: Slot
    own: bool
    may_be_large: bool


@dataclass(frozen=True, slots=True)
class MailboxRow:
    """What one mailbox has used; `blocked_until` is 0 when it does not rest, `pace` 1 when it is not slowed down."""

    name: str
    spent: int
    pace: float
    blocked_until: int
    sessions: int


def add_mailbox(connection: sqlite3.Connection, mailbox: str) -> None:
    """Makes the meter and the slots of a mailbox that was not seen before."""
    connection.execute(SQL.add_mailbox, {"mailbox": mailbox})
    for n in range(_SLOTS):
        connection.execute(SQL.add_slot, {"mailbox": mailbox, "n": n})


def standing(connection: sqlite3.Connection, mailbox: str, now: int) -> Standing:
    """Meter, block and pace. A block that another clock has dated holds nothing up."""
    return _standing(connection.execute(SQL.standing, {"mailbox": mailbox}).fetchone(), now)


def account(connection: sqlite3.Connection, mailbox: str, now: int) -> Account:
    """Everything at once."""
    rows = connection.execute(SQL.account, {"mailbox": mailbox, "window_from": budget.window_from(now)}).fetchall()
    return Account(_standing(rows[0][:4], now), Day(*rows[0][4:7]), tuple(Slot(*row[7:]) for row in rows))


def _standing(row: tuple[int, int, float, int], now: int) -> Standing:
    tat, blocked_until, pace, quiet_since = row
    return Standing(tat, 0 if is_due(blocked_until, now) else blocked_until, pace_at(pace, quiet_since, now))


# -- connections


def find_place(account: Account, seat: Seat, now: int) -> Place | None:
    """The owner's own slot, else a free one; None when the mailbox has all the connections that it may have now."""
    sessions = 1 if seat.probing else sessions_at(account.standing.pace, seat.sessions)
    own = free = None
    large_elsewhere = 0
    for slot in account.slots:
        taken = slot.owner != "" and slot.lease_until > now
        if slot.owner == seat.owner:
            own = slot if slot.n < sessions else None
        elif taken:
            large_elsewhere += slot.large
        elif free is None and slot.n < sessions:
            free = slot
    place = own if own is not None else free
    return None if place is None else Place(place, own is not None, sessions == 1 or large_elsewhere < sessions - 1)


def take_place(connection: sqlite3.Connection, seat: Seat, place: Place, now: int, *, large: bool) -> None:
    """Makes the slot the owner's until it leaves or its lease ends; one that is so for long enough stays as it is."""
    if place.own and place.slot.large == large and place.slot.lease_until - now >= _RENEW_MS:
        return
    connection.execute(SQL.take_slot, {
        "mailbox": seat.mailbox, "n": place.slot.n, "owner": seat.owner, "lease_until": now + _LEASE_MS, "large": large,
    })  # fmt: skip


def carries_nothing(connection: sqlite3.Connection, seat: Seat, account: Account) -> None:
    """No large message is on its way over the owner's connection, be it one that the mailbox may have no more."""
    if any(slot.large and slot.owner == seat.owner for slot in account.slots):
        connection.execute(SQL.nothing_large, {"mailbox": seat.mailbox, "owner": seat.owner})


# -- the minute


def start(connection: sqlite3.Connection, seat: Seat, standing: Standing, now: int) -> int:
    """Takes one start from the meter; milliseconds to wait if there is none."""
    grant = gcra(standing.tat, now, per_minute=per_minute_at(standing.pace, seat.messages_per_minute))
    if grant.tat_ms != standing.tat:
        connection.execute(SQL.set_meter, {"mailbox": seat.mailbox, "tat": grant.tat_ms})
    return grant.wait_ms


def block(connection: sqlite3.Connection, mailbox: str, until: int, now: int) -> None:
    """The mailbox rests until then (0: no longer) or until an earlier block ends: nothing shortens a Retry-After."""
    until = max(until, standing(connection, mailbox, now).blocked_until) if until else 0
    connection.execute(SQL.block_mailbox, {"mailbox": mailbox, "until": until})


def slow(connection: sqlite3.Connection, claim: Claim, until: int, now: int) -> float | None:
    """Slows the mailbox down after a throttling answer, once for all that were under way; the pace from now on."""
    mailbox = claim.mailbox.lower()
    pace, quiet_since = connection.execute(SQL.standing, {"mailbox": mailbox}).fetchone()[2:]
    if claim.claimed_at < quiet_since and not is_due(quiet_since, now):
        return None
    pace = slowed(pace_at(pace, quiet_since, now))
    connection.execute(SQL.set_pace, {"mailbox": mailbox, "pace": pace, "paced_at": max(until, now)})
    return pace


# -- the day


def budget_left(connection: sqlite3.Connection, seat: Seat, day: Day, now: int) -> tuple[int | None, int]:
    """How many recipients the mailbox may still have (None: nobody counts), and when the next of them come back."""
    if day.oldest is None or day.newest is None:
        return budget.left(seat.recipients_per_day, 0), 0
    bucket, oldest = budget.bucket_of(now), day.oldest
    if day.newest > bucket:
        values = {"mailbox": seat.mailbox, "bucket": bucket}
        ahead = sum(row[0] for row in connection.execute(SQL.spent_ahead, values).fetchall())
        connection.execute(SQL.spend, {**values, "recipients": ahead})
        oldest = min(oldest, bucket)
    return budget.left(seat.recipients_per_day, day.spent), budget.counts_until(oldest)


def forget_spent(connection: sqlite3.Connection, mailbox: str, day: Day, now: int) -> None:
    """What has left the day, when a new stretch of it begins."""
    if day.newest != budget.bucket_of(now):
        connection.execute(SQL.forget_spent, {"mailbox": mailbox, "window_from": budget.window_from(now)})


def refund(connection: sqlite3.Connection, claim: Claim, recipients: int) -> None:
    """Gives back what Exchange did not accept."""
    connection.execute(SQL.refund, {
        "mailbox": claim.mailbox.lower(), "bucket": budget.bucket_of(claim.claimed_at), "recipients": recipients,
    })  # fmt: skip


def overview(connection: sqlite3.Connection, now: int) -> tuple[MailboxRow, ...]:
    """Every mailbox that was ever used; for whoever only reads."""
    rows = connection.execute(SQL.mailboxes, {"now": now, "window_from": budget.window_from(now)})
    return tuple(
        MailboxRow(name, spent, pace_at(pace, since, now), 0 if is_due(blocked, now) else blocked, sessions)
        for name, blocked, pace, since, spent, sessions in rows
    )
