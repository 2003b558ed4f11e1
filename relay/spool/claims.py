"""Claiming and settling, as operations of the writer thread: each runs inside one transaction.

A claim takes, in one step, a slot of the mailbox (how many connections; it stays the owner's until that leaves), a
start from its meter (how many messages a minute), the due message with a new fence, and writes the attempt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.message.address import Address
from relay.message.parcel import Parcel
from relay.policy.quota import burst_of, gcra
from relay.spool.notices import owe
from relay.spool.queries import SQL
from relay.spool.store import Claim, Rest, Seat, Settlement, State
from relay.telemetry.clock import apart_ms, now_ms

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

_LEASE_MS = 3_600_000  # longer than any attempt may take (delivery gives up after half of it)
_SLOTS = 3
_FARTHEST_MS = 90_000_000  # 25 h: no rule makes mail wait longer, so what is due later was dated by another clock
_NO_SLOT_MS = 1000  # whoever holds them may be another process, so that no event tells when one is free


def add_mailbox(connection: sqlite3.Connection, mailbox: str) -> None:
    """Makes the meter and the slots of a mailbox that was not seen before."""
    connection.execute(SQL.add_mailbox, {"mailbox": mailbox})
    for n in range(_SLOTS):
        connection.execute(SQL.add_slot, {"mailbox": mailbox, "n": n})


def claim(connection: sqlite3.Connection, seat: Seat, retry_ms: Callable[[int], int], bodies: Path) -> Claim | Rest:
    """The next due message of the seat's profiles, or until when there is nothing to do."""
    now = now_ms()
    due = _earliest(connection, seat.profiles)
    if due is None:
        return Rest(None)
    message_id, due_at = due
    if now < due_at <= now + _FARTHEST_MS:
        return Rest(due_at)
    if not _take_slot(connection, seat, now):
        return Rest(now + _NO_SLOT_MS)
    wait = _charge(connection, seat, now)
    if wait:
        return Rest(now + wait)
    return _lease(connection, message_id, retry_ms, bodies)


def settle(connection: sqlite3.Connection, claimed: Claim, settlement: Settlement) -> State | None:
    """Records the outcome; the state it ends in, or None, and nothing changed, when somebody claimed it after us."""
    now = now_ms()
    final = settlement.state in (State.DELIVERED, State.FAILED)
    values: dict[str, object] = {
        "id": claimed.parcel.id, "fence": claimed.fence, "n": claimed.attempt, "now": now,
        "state": settlement.state, "due_at": settlement.due_at, "settled_at": now if final else None,
        "outcome": settlement.outcome, "host": settlement.host, "stage": settlement.stage, "rule": settlement.rule,
        "answer": settlement.answer, "meaning": settlement.meaning, "remedy": settlement.remedy,
    }  # fmt: skip
    if connection.execute(SQL.settle_message, values).rowcount == 0:
        return None
    connection.execute(SQL.settle_attempt, values)
    for result in settlement.recipients:
        connection.execute(
            SQL.settle_recipient,
            {"id": claimed.parcel.id, "address": result.address, "state": result.state, "answer": result.answer},
        )
    owe(connection, claimed, settlement)
    return _ended(connection, values) if settlement.state is State.DELIVERED else settlement.state


def _ended(connection: sqlite3.Connection, values: dict[str, object]) -> State:
    """The last recipient has arrived; a body is kept only if an earlier attempt failed for another one."""
    if values["n"] != 1 and connection.execute(SQL.failed_recipients, values).fetchone()[0]:
        connection.execute(SQL.mark_failed, values)
        return State.FAILED
    connection.execute(SQL.drop_body, values)
    return State.DELIVERED


def _earliest(connection: sqlite3.Connection, profiles: tuple[str, ...]) -> tuple[str, int] | None:
    found = [connection.execute(SQL.next_due, {"profile": profile}).fetchone() for profile in profiles]
    return min((row for row in found if row is not None), key=lambda row: row[1], default=None)


def _charge(connection: sqlite3.Connection, seat: Seat, now: int) -> int:
    """Takes one start from the meter; milliseconds to wait if there is none."""
    tat, blocked_until = connection.execute(SQL.mailbox_meter, {"mailbox": seat.mailbox}).fetchone()
    if now < blocked_until <= now + _FARTHEST_MS:
        return int(blocked_until - now)
    per_minute = seat.messages_per_minute
    grant = gcra(tat, now, per_minute=per_minute, burst=burst_of(per_minute))
    if not grant.granted:
        return grant.wait_ms
    if per_minute:
        connection.execute(SQL.set_meter, {"mailbox": seat.mailbox, "tat": grant.tat_ms})
    return 0


def _take_slot(connection: sqlite3.Connection, seat: Seat, now: int) -> bool:
    taken = connection.execute(
        SQL.take_slot,
        {
            "mailbox": seat.mailbox, "owner": seat.owner, "sessions": seat.sessions, "now": now,
            "lease_until": now + _LEASE_MS,
        },
    )  # fmt: skip
    return taken.rowcount > 0


def _lease(connection: sqlite3.Connection, message_id: str, retry_ms: Callable[[int], int], bodies: Path) -> Claim:
    now = now_ms()
    key = {"id": message_id}
    (attempts,) = connection.execute(SQL.attempts_so_far, key).fetchone()
    lease = {**key, "lease_until": now + _LEASE_MS, "due_at": now + retry_ms(attempts + 1)}
    row = connection.execute(SQL.lease_message, lease).fetchone()
    device, profile, mailbox, sender, body_size, eight_bit, body_file, attempt, fence, received_at = row
    doubtful = connection.execute(SQL.doubtful_attempts, key).fetchone()[0] if attempt > 1 else 0
    connection.execute(SQL.insert_attempt, {**key, "n": attempt, "now": now})
    head, content = connection.execute(SQL.body_of, key).fetchone()
    recipients = tuple(Address(found[0]) for found in connection.execute(SQL.pending_recipients, key))
    parcel = Parcel(
        id=message_id, sender=Address(sender), recipients=recipients, head=head,
        body=bodies / message_id if body_file else content, body_size=body_size, eight_bit=bool(eight_bit),
    )  # fmt: skip
    return Claim(parcel, device, profile, mailbox, attempt, fence, received_at, doubtful, apart_ms())
