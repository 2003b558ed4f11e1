"""Is mail flowing? The answer in words, out of the status; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relay.policy.prospect import span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from relay.control.status import MailboxStatus, ProfileStatus, Status

SOON_DAYS = 30
_SLOW_S = 900  # mail that waits longer than the pauses between the first attempts
_WAITING = ("queued", "uncertain", "leased")
_BLOCKED = {"paused": "is paused", "sign_in": "can't sign in"}


@dataclass(frozen=True, slots=True)
class Flow:
    """`state` is ok, warn or bad; `waiting` says how much and for how long; no `reasons`: all is well."""

    state: str
    answer: str
    waiting: str
    reasons: tuple[str, ...]


def flow(status: Status) -> Flow:
    """The worst comes first."""
    blocked = [one for one in status.profiles if one.state in _BLOCKED]
    reasons = (*_refusals(status), *(_hindrance(status, one) for one in blocked), *_cautions(status))
    state, answer = _answer(status, blocked, reasons)
    return Flow(state, answer, waiting(status), reasons)


def flow_of(found: Mapping[str, Any]) -> Flow | None:
    """Of the status as plain values; none of one that another version of the relay has given."""
    from pydantic import TypeAdapter, ValidationError

    from relay.control.status import Status

    try:
        return flow(TypeAdapter(Status).validate_python(found))
    except ValidationError:
        return None


def waiting(status: Status, profile: str = "") -> str:
    """How many messages wait to leave, of one profile or of all, and for how long."""
    rows = [one for one in status.queue if one.state in _WAITING and profile in ("", one.profile)]
    count = sum(one.count for one in rows)
    if not count:
        return "nothing waits"
    oldest = span(max(one.oldest_s for one in rows))
    return f"{count} messages wait, the oldest for {oldest}" if count > 1 else f"1 message waits, for {oldest}"


def held_back(status: Status) -> Iterator[tuple[str, MailboxStatus]]:
    """Profiles with mail that waits for a mailbox which rests, after an outage or a throttle, or is slowed down."""
    mailboxes = {one.name: one for one in status.mailboxes}
    waits = {one.profile for one in status.queue if one.state in _WAITING}
    for one in status.profiles:
        mailbox = mailboxes.get(one.mailbox.lower())
        if one.name in waits and one.state not in _BLOCKED and mailbox and (mailbox.blocked_until or mailbox.pace < 1):
            yield one.name, mailbox


def _answer(status: Status, blocked: list[ProfileStatus], reasons: tuple[str, ...]) -> tuple[str, str]:
    if not status.ready:
        return "bad", "No: devices can't hand in mail."
    if status.spool.trouble:
        return "bad", "Unknown: the queue can't be read."
    if blocked:
        count, whole = len(blocked), len(status.profiles)
        if count == whole:
            return "bad", "No: nothing can leave." if whole > 1 else f"No: the profile {_BLOCKED[blocked[0].state]}."
        return "bad", f"In part: mail of {count} of {whole} profiles can't leave."
    return _held_back(status) or (
        ("warn", "Yes, with something to look at.") if reasons else ("ok", "Yes, mail is flowing.")
    )


def _held_back(status: Status) -> tuple[str, str] | None:
    """Where all that waits to leave waits for a mailbox that rests or is slowed down."""
    slow = dict(held_back(status))
    waits = {one.profile for one in status.queue if one.state in _WAITING}
    if not waits or not waits <= slow.keys():
        return None
    if all(one.blocked_until for one in slow.values()):
        return "warn", "Not now: mail waits, and is tried again by itself."
    return "warn", "Slowly: Exchange holds mail back."


def _slow(status: Status, profile: str, mailbox: MailboxStatus) -> str:
    """Until when, what waits for it, and what happened last."""
    until = f" rests until {_moment(mailbox.blocked_until)}" if mailbox.blocked_until else ""
    pace = f" is slowed to {mailbox.pace:.0%} of its limits" if mailbox.pace < 1 else ""
    last = next((one.what for one in status.problems if one.about == profile and one.what), "")
    words = " and".join(filter(None, (until, pace)))
    return f"{profile}{words}; {waiting(status, profile)}. {last}".rstrip()


def _moment(iso: str) -> str:
    return iso.replace("T", " ").replace("Z", " UTC")


def _refusals(status: Status) -> Iterator[str]:
    if not status.ready:
        yield from (f"No mail is taken: {reason}." for reason in status.reasons)
    if status.spool.trouble:
        yield f"The queue can't be read: {status.spool.trouble.removesuffix('?')}."


def _hindrance(status: Status, one: ProfileStatus) -> str:
    since = f" since {_moment(one.why.since)}" if one.why and one.why.since else ""
    return f"{one.name} {_BLOCKED[one.state]}{since}; {waiting(status, one.name)}."


def _cautions(status: Status) -> Iterator[str]:
    blocked = {one.name for one in status.profiles if one.state in _BLOCKED}
    yield from (f"{one.name} takes its fallback." for one in status.profiles if one.state == "detour")
    yield from (_slow(status, name, mailbox) for name, mailbox in held_back(status))
    slow = sum(
        sum(one.ages[status.age_limits_s.index(_SLOW_S) + 1 :])
        for one in status.queue
        if one.state in _WAITING and one.profile not in blocked
    )
    if slow:
        yield f"{_messages(slow, 'has', 'have')} waited for more than {span(_SLOW_S)}."
    if status.spool.max_bytes and status.spool.used_bytes * 10 >= status.spool.max_bytes * 9:
        full = status.spool.used_bytes * 100 // status.spool.max_bytes
        yield f"Kept mail takes {full}% of spool.max_bytes: what is larger than the rest is refused."
    if damaged := sum(one.count for one in status.queue if one.state == "corrupt"):
        yield f"{_messages(damaged, 'is', 'are')} damaged."
    yield from (_end(one.app, one.kind, one.days_left) for one in status.credentials if one.days_left <= SOON_DAYS)


def _messages(count: int, one: str, several: str) -> str:
    return f"{count} messages {several}" if count > 1 else f"1 message {one}"


def _end(app: str, kind: str, days: int) -> str:
    return f"The {kind} of {app} " + ("has ended." if days < 0 else f"ends in {days} days.")
