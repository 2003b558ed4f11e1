"""Messages looked for: by what an operator knows of them, settled ones too, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from relay.control.names import SHORTEST
from relay.control.queue import Searcher, Selection, open_search
from relay.message.subject import subject_hash
from relay.spool.browse import QueueRow  # noqa: TC001  (the API asks for the types of fields)
from relay.spool.search import Place
from relay.spool.store import State

if TYPE_CHECKING:
    from relay.config.settings import Settings

MOST = 500
ALL = "all"
_TEXTS, _MOMENTS = ("device", "profile", "mailbox", "sender", "recipient", "rule"), ("since", "until")


class Direction(StrEnum):
    """Which come first."""

    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What is known of messages; all that is given must be so."""

    device: Annotated[str, "under devices in the configuration"] = ""
    profile: Annotated[str, "under profiles in the configuration"] = ""
    mailbox: Annotated[str, "who signs in"] = ""
    sender: Annotated[str, "MAIL FROM towards Exchange; * stands for any characters"] = ""
    recipient: Annotated[str, "one of its recipients; * stands for any characters"] = ""
    subject: Annotated[str, "the whole subject, however it is written; only its hash is looked for"] = ""
    rule: Annotated[str, "what the last answer meant: a row of docs/reference/verdicts.md; * for any characters"] = ""
    since: Annotated[str, "received then or later (ISO 8601; UTC where it names no zone)"] = ""
    until: Annotated[str, "received before then"] = ""

    def facts(self) -> dict[str, Any]:
        """As a selection has them. Raises `ValueError`."""
        facts = {name: getattr(self, name) for name in _TEXTS}
        moments = {name: moment(getattr(self, name), name) for name in _MOMENTS if getattr(self, name)}
        return facts | moments | {"subject_hash": subject_hash(self.subject)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Search(Filters):
    """One page of the messages that are so."""

    id: Annotated[str, "its id, or its begin or end of 4 characters at least; or its Message-ID"] = ""
    subject_hash: Annotated[str, "the first 16 hex digits of its SHA-256 (docs/reference/api.md)"] = ""
    state: Annotated[
        tuple[str, ...], "one or more states, or all; without: those that are not settled, or any when an id is given"
    ] = ()
    order: Annotated[Direction, "which come first"] = Direction.NEWEST
    limit: Annotated[int, "at most so many", Field(ge=1, le=MOST)] = 100
    cursor: Annotated[str, "`next` of the page before"] = ""


@dataclass(frozen=True, slots=True)
class Messages:
    """One page of messages."""

    messages: Annotated[list[QueueRow], "in the order asked for"]
    next: Annotated[str, "the cursor of the next page; empty when there are no more"]


def find(settings: Settings, search: Search) -> Messages:
    """Blocks. Raises `ValueError` that says what is wrong, `SpoolError`."""
    selection = selection_of(search)
    after = Place.of(search.cursor) if search.cursor else None
    searcher = open_search(settings)
    if search.id:
        ids = _ids(searcher, search.id.strip())
        if not ids:
            return Messages([], "")
        selection = Selection.of(selection.facts() | {"ids": ids})
    page = searcher.page(selection, after, newest=search.order is Direction.NEWEST)
    return Messages(page.rows, str(page.next or ""))


def selection_of(search: Search) -> Selection:
    """All but the id. Raises `ValueError`."""
    if search.subject and search.subject_hash and subject_hash(search.subject) != search.subject_hash:
        raise ValueError("subject and subject_hash are not the same: give one of them")
    every = ALL in search.state or (search.id and not search.state)
    facts = search.facts()
    hashed = search.subject_hash.lower() or facts["subject_hash"]
    states = tuple(State) if every else search.state
    return Selection.of(facts | {"subject_hash": hashed, "states": states, "limit": search.limit})


def moment(text: str, name: str) -> int:
    """ISO 8601 as epoch milliseconds. Raises `ValueError`."""
    try:
        found = datetime.fromisoformat(text)
        milliseconds = int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ValueError(f"{name}: {text[:50]!r} is no time: write 2026-11-28T06:00:00Z or 2026-11-28") from None
    return max(0, milliseconds)


def _ids(searcher: Searcher, text: str) -> list[str]:
    if "@" in text or text.startswith("<"):
        return searcher.ids_called(f"<{text.strip('<>')}>")
    if len(text) < SHORTEST:
        raise ValueError(f"{text!r} is too short for an id: give at least {SHORTEST} characters of its begin or end")
    return searcher.ids(text)
