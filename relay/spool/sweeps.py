"""What waits too long: somebody is to be told of late messages, and old ones are given up. Operations of the writer.

Each step takes 500 messages at most, so that mail is never held up by a sweep. Held messages wait for a person and are
left alone; so is a profile that pauses, whose mail never expires.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from relay.spool.queries import SQL
from relay.telemetry.clock import now_ms

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

_WAITING = ("queued", "uncertain")
_ON_THEIR_WAY = (*_WAITING, "leased")
_STEP = 500
_NEVER_TRIED = "relay.expired"
_NEVER_TRIED_MEANING = "The relay could not try to send the message before its time was over (delivery.expire_after_s)."
_NEVER_TRIED_REMEDY = (
    "See what kept it: the mailbox's limits and the mail before it, in relay queue list; then send it again, or let it "
    "wait longer (delivery.expire_after_s)"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of giving up: what a profile received before that time, in one of the states, behind the last seen."""

    profile: str
    before: int
    state: int = 0
    after: int = -1
    after_id: str = ""


@dataclass(frozen=True, slots=True)
class Expired:
    """A message that was given up, with the last answer and what it means."""

    id: str
    device: str
    profile: str
    mailbox: str
    attempts: int
    rule: str
    answer: str
    meaning: str
    remedy: str
    recipients: tuple[str, ...]


def warn_late(connection: sqlite3.Connection, profile: str, after: int, before: int) -> int:
    """Marks one step of late messages; how many, so that 0 means that there are none left."""
    span = {"profile": profile, "after": after, "before": before}
    late: list[tuple[str, str]] = []
    for state in _ON_THEIR_WAY:
        late += connection.execute(SQL.late_messages, {**span, "state": state}).fetchall()
    for message_id, rule in late[:_STEP]:
        meaning, remedy = _judgement(connection, message_id)
        connection.execute(SQL.mark_warned, {"id": message_id})
        connection.execute(SQL.owe_delayed, {
            "id": message_id, "profile": profile, "rule": rule or "relay.waiting", "now": now_ms(),
            "meaning": meaning, "remedy": remedy,
        })  # fmt: skip
    return min(len(late), _STEP)


def expire(
    connection: sqlite3.Connection, step: Step, kept: Callable[[str], bool]
) -> tuple[list[Expired], Step | None]:
    """One step; what was given up, and the next one if there is one."""
    if any(row[0] == step.profile for row in connection.execute(SQL.pauses)):
        return [], None
    rows = connection.execute(SQL.old_waiting, asdict(step) | {"state": _WAITING[step.state]}).fetchall()
    expired = [_give_up(connection, step.profile, row) for row in rows if not kept(row[2])]
    if len(rows) == _STEP:
        return expired, replace(step, after=rows[-1][1], after_id=rows[-1][0])
    ended = step.state + 1 == len(_WAITING)
    return expired, None if ended else Step(step.profile, step.before, step.state + 1)


def _give_up(connection: sqlite3.Connection, profile: str, row: tuple[str, int, str, str, int, str, str]) -> Expired:
    """The body stays: the message can be sent again."""
    message_id, _, rule, answer, attempts, device, mailbox = row
    meaning, remedy = _judgement(connection, message_id) if rule else (_NEVER_TRIED_MEANING, _NEVER_TRIED_REMEDY)
    answer = answer or "it was never tried"
    recipients = tuple(row[0] for row in connection.execute(SQL.pending_recipients, {"id": message_id}))
    given_up = Expired(
        message_id, device, profile, mailbox, attempts, rule or _NEVER_TRIED, answer, meaning, remedy, recipients
    )  # fmt: skip
    values = {
        "id": message_id, "now": now_ms(), "rule": given_up.rule, "answer": answer, "meaning": meaning, "remedy": remedy
    }  # fmt: skip
    for statement in (SQL.owe_expired, SQL.expire_recipients, SQL.expire_message):
        connection.execute(statement, values)
    return given_up


def _judgement(connection: sqlite3.Connection, message_id: str) -> tuple[str, str]:
    """What the last answer meant, and what to do about it."""
    meaning, remedy = connection.execute(SQL.last_judgement, {"id": message_id}).fetchone() or ("", "")
    return meaning, remedy
