"""One message whole: envelope and header before and after, what happened, and what its last answer means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from relay.control.answers import explain_answer, facts_for
from relay.control.names import NotFoundError, the_one
from relay.control.queue import open_search
from relay.control.trace import Scene, came_of, scenes_of
from relay.policy.orders import Order, obstacle
from relay.policy.prospect import at
from relay.spool.browse import Attempt, Event, Notice, RecipientRow  # noqa: TC001  (the API asks for the types of fields)

if TYPE_CHECKING:
    from relay.config.settings import Settings
    from relay.spool.chronicle import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who it is from and for, as SMTP says it."""

    sender: Annotated[str, "MAIL FROM; empty: the null reverse-path"]
    recipients: Annotated[tuple[str, ...], "RCPT TO"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LastAnswer:
    """What was said last, and what it means."""

    answer: Annotated[str, "what the other side said, or the relay of itself"]
    rule: Annotated[str, "row of docs/reference/verdicts.md"]
    meaning: Annotated[str, "what it means"]
    remedy: Annotated[str, "what to do"]
    effect: Annotated[str, "what the relay does about it"]
    source: Annotated[str, "where this is known from"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message whole, but for its body."""

    id: Annotated[str, "as the relay answered it (queued as …) and the journal writes it"]
    state: Annotated[str, "queued, uncertain, leased (under way), held, corrupt, delivered, failed or dropped"]
    received: Annotated[str, "when the device handed it in"]
    settled: Annotated[str, "when it was delivered, failed or dropped; empty before"]
    kind: Annotated[str, "mail, or notice: one that the relay wrote"]
    device: Annotated[str, "under devices in the configuration"]
    profile: Annotated[str, "under profiles in the configuration"]
    mailbox: Annotated[str, "who signs in for it"]
    client: Annotated[str, "address it came from"]
    sender: Annotated[str, "MAIL FROM towards Exchange"]
    size: Annotated[int, "octets"]
    doubts: Annotated[int, "attempts that may have delivered it without our knowing"]
    message_id: Annotated[str, "its Message-ID"]
    subject_hash: Annotated[str, "first 16 hex digits of the SHA-256 of its subject; empty without one"]
    next: Annotated[str, "what will happen to it, in words"]
    last: Annotated[LastAnswer | None, "the last answer explained; null before any"]
    orders: Annotated[tuple[str, ...], "what an operator may order of it now: retry, hold, release, drop"]
    content: Annotated[bool, "whether its content is still kept"]
    envelope_before: Annotated[Envelope, "as the device said it"]
    envelope_after: Annotated[Envelope, "as it is sent"]
    header_before: Annotated[str, "the header section as the device sent it; empty where it is not kept"]
    header: Annotated[str, "the header section as it is sent; empty when the content is gone"]
    changes: Annotated[tuple[str, ...], "what was repaired or rewritten (docs/reference/repairs.md, from-policy.md)"]
    left: Annotated[tuple[str, ...], "what is damaged and was left as it is"]
    recipients: Annotated[tuple[RecipientRow, ...], "each recipient and what became of it"]
    attempts: Annotated[tuple[Attempt, ...], "each try, the oldest first"]
    events: Annotated[tuple[Event, ...], "orders, and what else happened"]
    notices: Annotated[tuple[Notice, ...], "who is still to be told"]
    timeline: Annotated[tuple[Scene, ...], "everything that happened, in order of time, with both SMTP sides"]


def whole(settings: Settings, text: str) -> Message:
    """The message with this id (its beginning or end will do) or Message-ID. Blocks.

    Raises `NotFoundError`, `relay.spool.store.SpoolError`.
    """
    searcher = open_search(settings)
    record = searcher.record(the_one(searcher, text.strip()))
    if record is None:  # gone since it was found
        raise NotFoundError(f"There is no message {text} any more: its retention is over.")
    return told(record, settings)


def told(record: Record, settings: Settings) -> Message:
    """As a value."""
    row, item, heads = record.message, record.item, record.heads
    came = came_of(row)
    addresses = tuple(one.address for one in item.recipients)
    return Message(
        id=item.id, state=item.state, received=item.received, settled=at(row["settled_at"]), kind=row["kind"],
        device=item.device, profile=item.profile, mailbox=item.mailbox, client=item.client, sender=item.sender,
        size=item.size, doubts=item.doubts, message_id=came.get("message_id", ""), subject_hash=row["subject_hash"],
        next=item.next, last=_last(record, settings), orders=_orders(row), content=heads is not None,
        envelope_before=Envelope(sender=came.get("sender", ""), recipients=addresses),
        envelope_after=Envelope(sender=item.sender, recipients=addresses),
        header_before=_text(heads.came) if heads else "", header=item.header,
        changes=tuple(came.get("changes", ())), left=tuple(came.get("left", ())), recipients=item.recipients,
        attempts=item.attempts, events=item.events, notices=item.notices, timeline=scenes_of(record),
    )  # fmt: skip


def _last(record: Record, settings: Settings) -> LastAnswer | None:
    """As it was judged then; what the table says besides."""
    rule, answer = record.message["rule"], record.message["answer"]
    if not rule and not answer:
        return None
    judged = next((one for one in reversed(record.item.attempts) if one.rule == rule), None)
    profile = record.item.profile
    known = explain_answer(rule, facts=facts_for(settings, profile) if profile in settings.profiles else None)
    return LastAnswer(
        answer=answer, rule=rule,
        meaning=(judged.meaning if judged else "") or (known.meaning if known else ""),
        remedy=(judged.remedy if judged else "") or (known.remedy if known else ""),
        effect=known.effect if known else "", source=known.source if known else "",
    )  # fmt: skip


def _orders(row: dict[str, Any]) -> tuple[str, ...]:
    standing = {"rule": row["rule"], "held_by": row["held_by"]}
    return tuple(order for order in Order if not obstacle(order, row["state"], **standing))


def _text(octets: bytes | None) -> str:
    return (octets or b"").decode("utf-8", "replace")
