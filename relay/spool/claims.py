"""Claiming and settling, as operations of the writer thread: each runs inside one transaction, the clock passed in.

A claim takes, in one step, a slot of the mailbox (how many connections; it stays the owner's until that leaves), a
start from its meter (how many messages a minute), recipients from its day, the message whose turn it is with a new
fence, and writes the attempt. What it costs depends on how many devices wait, never on how many messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.message.address import Address
from relay.message.outcome import Kind
from relay.message.parcel import Parcel
from relay.policy.envelope import share_of
from relay.policy.external import is_internal
from relay.policy.precedence import is_large
from relay.policy.turns import Head, next_due, whose_turn
from relay.spool.mailboxes import budget_left, find_place, refund, spend, standing, start, take_place
from relay.spool.notices import owe
from relay.spool.queries import SQL
from relay.spool.store import Claim, Rest, Seat, Settlement, State
from relay.telemetry.clock import apart_ms

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from relay.spool.damage import Inspector

    Limits = tuple[int | None, ...]

_LEASE_MS = 3_600_000  # longer than any attempt may take (delivery gives up after half of it)
_NO_SLOT_MS = 1000  # whoever holds them may be another process, so that no event tells when one is free
_POSTPONED = 50  # at most in one claim, so that it holds nobody else up


@dataclass(frozen=True, slots=True)
class _Pick:
    """The message whose turn it is, and those of its recipients that may go now."""

    head: Head
    recipients: tuple[str, ...]
    pending: int


def claim(
    connection: sqlite3.Connection, seat: Seat, retry_ms: Callable[[int], int], inspector: Inspector, now: int
) -> Claim | Rest:
    """The sound message of the seat's profiles whose turn it is, or until when there is nothing to do."""
    mailbox = standing(connection, seat.mailbox, now)
    place = find_place(connection, seat, mailbox.pace, now)
    found = _pick(connection, seat, now, inspector, large=place is None or place.may_be_large)
    if isinstance(found, _Pick) and mailbox.blocked_until:
        found = Rest(mailbox.blocked_until)
    if place is None:
        return Rest(now + _NO_SLOT_MS, crowded=True) if isinstance(found, _Pick) else found
    if isinstance(found, Rest):
        connection.execute(SQL.nothing_large, {"mailbox": seat.mailbox, "owner": seat.owner})
        return found
    left, more_at = budget_left(connection, seat, now)
    wait = more_at - now if left == 0 else start(connection, seat, mailbox, now)
    take_place(connection, seat, place, now, large=not wait and is_large(found.head.precedence))
    if wait:
        return Rest(now + wait)
    connection.execute(SQL.take_turn, {"mailbox": seat.mailbox, "device": found.head.device})
    limits = (seat.recipients_per_message, left)
    claimed = _lease(connection, found, limits, now, retry_ms, inspector.bodies)
    spend(connection, seat.mailbox, len(claimed.parcel.recipients), now)
    return claimed


def settle(connection: sqlite3.Connection, claimed: Claim, settlement: Settlement, now: int) -> State | None:
    """Records the outcome; the state it ends in, or None, and nothing changed, when somebody claimed it after us."""
    values: dict[str, object] = {
        "id": claimed.parcel.id, "fence": claimed.fence, "n": claimed.attempt, "now": now,
        "state": settlement.state, "due_at": settlement.due_at, "settled_at": None,
        "outcome": settlement.outcome, "host": settlement.host, "stage": settlement.stage, "rule": settlement.rule,
        "answer": settlement.answer, "meaning": settlement.meaning, "remedy": settlement.remedy,
        "transcript": settlement.transcript, "doubt": settlement.outcome == Kind.UNCERTAIN, "split": settlement.split,
    }  # fmt: skip
    if settlement.state in (State.DELIVERED, State.FAILED):
        values |= {"state": State.QUEUED, "due_at": now} if claimed.left else {"settled_at": now}
    if connection.execute(SQL.settle_message, values).rowcount == 0:
        return None
    connection.execute(SQL.settle_attempt, values)
    for result in settlement.recipients:
        connection.execute(
            SQL.settle_recipient,
            {"id": claimed.parcel.id, "address": result.address, "state": result.state, "answer": result.answer},
        )
    owe(connection, claimed, settlement, now)
    _give_back(connection, claimed, settlement)
    state = State(str(values["state"]))
    return _ended(connection, values) if state is State.DELIVERED else state


def _ended(connection: sqlite3.Connection, values: dict[str, object]) -> State:
    """The last recipient has arrived; a body is kept only if an earlier attempt failed for another one."""
    if values["n"] != 1 and connection.execute(SQL.failed_recipients, values).fetchone()[0]:
        connection.execute(SQL.mark_failed, values)
        return State.FAILED
    connection.execute(SQL.drop_body, values)
    return State.DELIVERED


def _give_back(connection: sqlite3.Connection, claimed: Claim, settlement: Settlement) -> None:
    """Recipients that Exchange did not accept are no part of the mailbox's day; those in doubt are."""
    arrived = sum(result.state == State.DELIVERED for result in settlement.recipients)
    refused = len(claimed.parcel.recipients) - arrived
    if refused > 0 and settlement.outcome != Kind.UNCERTAIN:
        refund(connection, claimed, refused)


# -- whose turn it is


def _pick(connection: sqlite3.Connection, seat: Seat, now: int, inspector: Inspector, *, large: bool) -> _Pick | Rest:
    """What of the message may go now; one damaged, or whose recipients must all wait, is put aside on the way."""
    for _ in range(_POSTPONED):
        heads = _heads(connection, seat)
        head = whose_turn(heads, now, large=large)
        if head is None:
            return Rest(next_due(heads, now))
        if not inspector.sound(connection, head.id):
            continue
        curb = seat.curbs.get(head.profile)
        pending = [row[0] for row in connection.execute(SQL.pending_recipients, {"id": head.id})]
        recipients = pending if curb is None else [one for one in pending if is_internal(one, curb.internal)]
        if curb is None or recipients:
            return _Pick(head, tuple(recipients), len(pending))
        connection.execute(SQL.postpone, {"id": head.id, "due_at": max(curb.until, now + 1)})
    return Rest(now)


def _heads(connection: sqlite3.Connection, seat: Seat) -> list[Head]:
    return [
        Head(profile, *row)
        for profile in seat.profiles
        for row in connection.execute(SQL.heads, {"profile": profile, "mailbox": seat.mailbox})
    ]


def _lease(
    connection: sqlite3.Connection, pick: _Pick, limits: Limits, now: int, retry_ms: Callable[[int], int], bodies: Path
) -> Claim:
    key = {"id": pick.head.id}
    (received_at,) = connection.execute(SQL.received_at, key).fetchone()
    lease = {**key, "lease_until": now + _LEASE_MS, "due_at": now + retry_ms(max(0, now - received_at))}
    row = connection.execute(SQL.lease_message, lease).fetchone()
    device, profile, mailbox, sender, body_size, eight_bit, body_file, attempt, fence, doubts, split = row
    recipients = tuple(map(Address, share_of(pick.recipients, attempt, *limits, split)))
    connection.execute(SQL.insert_attempt, {**key, "n": attempt, "now": now, "recipients": len(recipients)})
    head, content = connection.execute(SQL.body_of, key).fetchone()
    parcel = Parcel(
        id=pick.head.id, sender=Address(sender), recipients=recipients, head=head,
        body=bodies / pick.head.id if body_file else content, body_size=body_size, eight_bit=bool(eight_bit),
    )  # fmt: skip
    left = pick.pending - len(recipients)
    return Claim(parcel, device, profile, mailbox, attempt, fence, received_at, doubts, now, left, apart_ms())
