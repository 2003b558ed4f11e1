"""Claiming and settling, as operations of the writer thread: each runs inside one transaction, the clock passed in.

A claim takes, in one step, a slot of the mailbox (how many connections; it stays the owner's until that leaves), a
start from its meter (how many messages a minute), recipients from its day, the message whose turn it is with a new
fence, and writes the attempt. What it costs depends on how many devices wait, never on how many messages.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relay.message.address import Address
from relay.message.outcome import Kind
from relay.policy import budget
from relay.policy.envelope import share_of
from relay.policy.external import is_internal
from relay.policy.precedence import is_large
from relay.policy.turns import Head, next_due, whose_turn
from relay.spool.contents import parcel_of
from relay.spool.heads import Heads
from relay.spool.keyring import NO_KEYS, Keyring
from relay.spool.mailboxes import (
    account,
    budget_left,
    carries_nothing,
    find_place,
    forget_spent,
    refund,
    start,
    take_place,
)
from relay.spool.notices import owe
from relay.spool.queries import SQL
from relay.spool.store import Claim, Rest, Seat, Settlement, State
from relay.telemetry.clock import apart_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.spool.damage import Inspector

_LEASE_MS = 3_600_000  # longer than any attempt may take (delivery gives up after half of it)
_NO_SLOT_MS = 1000  # whoever holds them may be another process, so that no event tells when one is free
_WAITING = (State.QUEUED, State.UNCERTAIN)
_POSTPONED = 50  # at most in one claim, so that it holds nobody else up


@dataclass(frozen=True, slots=True)
class Means:
    """What a claim works with besides the database."""

    inspector: Inspector
    heads: Heads = field(default_factory=Heads)
    keys: Keyring = NO_KEYS


@dataclass(frozen=True, slots=True)
class _Pick:
    """The message whose turn it is, its columns, and those of its recipients that may go now."""

    head: Head
    row: dict[str, Any]
    recipients: tuple[str, ...]
    pending: int


def claim(
    connection: sqlite3.Connection, seat: Seat, retry_ms: Callable[[int], int], means: Means, now: int
) -> Claim | Rest:
    """The sound message of the seat's profiles whose turn it is, or until when there is nothing to do."""
    mailbox = account(connection, seat.mailbox, now)
    place = find_place(mailbox, seat, now)
    found = _pick(connection, seat, now, means, large=place is None or place.may_be_large)
    if isinstance(found, _Pick) and mailbox.standing.blocked_until:
        found = Rest(mailbox.standing.blocked_until)
    if place is None:
        return Rest(now + _NO_SLOT_MS, crowded=True) if isinstance(found, _Pick) else found
    if isinstance(found, Rest):
        carries_nothing(connection, seat, mailbox)
        return found
    left, more_at = budget_left(connection, seat, mailbox.day, now)
    wait = more_at - now if left == 0 else start(connection, seat, mailbox.standing, now)
    take_place(connection, seat, place, now, large=not wait and is_large(found.head.precedence))
    if wait:
        return Rest(now + wait)
    forget_spent(connection, seat.mailbox, mailbox.day, now)
    claimed = _claimed(found, seat, left, means, now)
    due_at = now + retry_ms(max(0, now - claimed.received_at))
    _lease(connection, seat.mailbox, found, claimed, due_at, means.heads)
    return claimed


def settle(
    connection: sqlite3.Connection, claimed: Claim, settlement: Settlement, now: int, heads: Heads | None = None
) -> State | None:
    """Records the outcome; the state it ends in, or None, and nothing changed, when somebody claimed it after us."""
    values: dict[str, object] = {
        "id": claimed.parcel.id, "fence": claimed.fence, "n": claimed.attempt, "now": now,
        "state": settlement.state, "due_at": settlement.due_at, "settled_at": None,
        "outcome": settlement.outcome, "host": settlement.host, "stage": settlement.stage, "rule": settlement.rule,
        "answer": settlement.answer, "meaning": settlement.meaning, "remedy": settlement.remedy,
        "transcript": settlement.transcript, "doubt": settlement.outcome == Kind.UNCERTAIN, "split": settlement.split,
    }  # fmt: skip
    before = connection.total_changes
    said = _said_to_all(claimed, settlement)
    if said is None:
        state = _settled(connection, claimed, settlement, values, now)
    else:
        state = _arrived(connection, values, said)
    if heads is not None and state in (State.DELIVERED, State.FAILED):
        heads.settled(connection, before)
    return state


def _said_to_all(claimed: Claim, settlement: Settlement) -> str | None:
    """The one answer by which a message arrived at all its recipients at its first attempt; None: it went otherwise."""
    results = settlement.recipients
    if settlement.state is not State.DELIVERED or settlement.outcome == Kind.UNCERTAIN or settlement.split:
        return None
    if claimed.attempt != 1 or claimed.left or [one.address for one in results] != list(claimed.parcel.recipients):
        return None
    answers = {(one.state, one.answer) for one in results}
    state, answer = answers.pop()
    return None if answers or state != State.DELIVERED else answer


def _arrived(connection: sqlite3.Connection, values: dict[str, object], said: str) -> State | None:
    before = connection.total_changes
    connection.execute(SQL.arrive, values | {"said": said})
    return None if connection.total_changes == before else State.DELIVERED


def _settled(
    connection: sqlite3.Connection, claimed: Claim, settlement: Settlement, values: dict[str, object], now: int
) -> State | None:
    """Recipient by recipient."""
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


def _pick(connection: sqlite3.Connection, seat: Seat, now: int, means: Means, *, large: bool) -> _Pick | Rest:
    """What of the message may go now; one damaged, or whose recipients must all wait, is put aside on the way."""
    anew = False
    for _ in range(_POSTPONED):
        heads = means.heads.of(connection, seat, anew=anew)
        head = whose_turn(heads, now, large=large)
        if head is None and anew:
            return Rest(next_due(heads, now))
        anew = True
        if head is not None and (pick := _looked_at(connection, seat, now, means.inspector, head)) is not None:
            return pick
    return Rest(now)


def _looked_at(connection: sqlite3.Connection, seat: Seat, now: int, inspector: Inspector, head: Head) -> _Pick | None:
    """The message, unless it is damaged now or waits for another time."""
    sound = inspector.sound(connection, head.id)
    if sound is None:
        return None
    if sound.row["state"] not in _WAITING:
        raise sqlite3.DatabaseError(f"message {head.id} stands among those that wait, and is {sound.row['state']}")
    pending, curb = sound.pending, seat.curbs.get(head.profile)
    recipients = pending if curb is None else [one for one in pending if is_internal(one, curb.internal)]
    if curb is None or recipients:
        return _Pick(head, sound.row, tuple(recipients), len(pending))
    connection.execute(SQL.postpone, {"id": head.id, "due_at": max(curb.until, now + 1)})
    return None


def _claimed(pick: _Pick, seat: Seat, left: int | None, means: Means, now: int) -> Claim:
    """With as many of its recipients as one submission may take."""
    row, attempt = pick.row, pick.row["attempts"] + 1
    share = share_of(pick.recipients, attempt, seat.recipients_per_message, left, row["split"])
    parcel = parcel_of(row, tuple(map(Address, share)), means.inspector.bodies, means.keys)
    return Claim(
        parcel, row["device"], row["profile"], row["mailbox"], attempt, row["fence"] + 1,
        max(row["received_at"], row["again_at"]), row["doubts"], now, pick.pending - len(share), apart_ms(),
    )  # fmt: skip


def _lease(connection: sqlite3.Connection, mailbox: str, pick: _Pick, taken: Claim, due_at: int, heads: Heads) -> None:
    """`due_at`: when to try again should this attempt be lost."""
    head, now, turn = pick.head, taken.claimed_at, heads.next_turn(connection, mailbox)
    connection.execute(SQL.lease, {
        "id": head.id, "n": taken.attempt, "now": now, "lease_until": now + _LEASE_MS, "due_at": due_at,
        "recipients": len(taken.parcel.recipients), "mailbox": mailbox, "device": head.device, "turn": turn,
        "bucket": budget.bucket_of(now),
    })  # fmt: skip
    heads.taken(connection, mailbox, head, _behind(pick, turn), turn)


def _behind(pick: _Pick, turn: int) -> Head | None:
    """The message that is first of its device now."""
    head, name = pick.head, pick.row["behind_id"]
    if name is None:
        return None
    name = name.decode("ascii", "replace")
    return Head(head.profile, name, head.precedence, head.device, pick.row["behind_due_at"], turn)
