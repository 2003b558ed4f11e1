"""Calls about messages: looked for, one whole, its content, and orders to them."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from relay.control.message import Message, whole
from relay.control.orders import Answer, Order, Selection
from relay.control.queue import SpoolError, export_of
from relay.control.search import Filters, Messages, Search, find
from relay.control.who import Role, Who
from relay.web.call import Attachment, Call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from relay.config.settings import Settings
    from relay.control.running import Control

_NOBODY = 'name the messages by ids or by filters, or say "all": true'


@dataclass(frozen=True, slots=True, kw_only=True)
class OneMessage:
    """Which one."""

    id: Annotated[str, "its id, or its begin or end of 4 characters at least; or its Message-ID"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering(Filters):
    """The order, and which messages; all filters that are given must be so."""

    order: Annotated[Order, "retry: due now. hold: not tried until released. release: held no longer. drop: given up"]
    ids: Annotated[tuple[str, ...], "these messages, by their whole ids"] = ()
    state: Annotated[tuple[str, ...], "only in these states; without: those that the order can mean"] = ()
    limit: Annotated[int | None, "at most so many, the oldest first", Field(ge=1, le=1_000_000)] = None
    all: Annotated[bool, "all that the order can mean; needed when nothing else says which"] = False


async def search(control: Control, question: Search, _who: Who) -> Messages:
    """Messages page by page."""
    return await control.turns.work(find, control.settings, question)


async def one(control: Control, question: OneMessage, _who: Who) -> Message:
    """One message whole."""
    return await control.turns.work(whole, control.settings, question.id)


async def content(control: Control, question: OneMessage, who: Who) -> Attachment:
    """All octets of a message as it is sent; the journal tells who has read them."""
    found = await control.turns.work(whole, control.settings, question.id)
    if not found.content:
        raise LookupError(f"nothing is kept of the content of {found.id}: it is {found.state}")
    pieces = await control.turns.work(_begun, control.settings, found.id)
    control.hands.journal.downloaded(id=found.id, who=who.name, way=who.way)
    return Attachment(f"{found.id}.eml", _told(control, found.id, pieces))


def _begun(settings: Settings, message_id: str) -> Iterator[bytes]:
    """With the first piece in hand, so that most mistakes are told before anything is sent. Raises `SpoolError`."""
    pieces = export_of(settings, message_id)
    return itertools.chain((next(pieces, b""),), pieces)


async def _told(control: Control, message_id: str, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Piece by piece, read beside the mail; damage met on the way is told."""
    try:
        while piece := await asyncio.to_thread(next, pieces, b""):
            yield piece
    except SpoolError as error:
        control.hands.journal.service(
            "http.failed", level="error", reason=f"the content of {message_id} could not be sent whole: {error}",
            remedy=error.remedy or f"`relay queue show {message_id}` shows what is left of it",
        )  # fmt: skip
        raise


async def order(control: Control, question: Ordering, who: Who) -> Answer:
    """Has an order carried out. Raises `ValueError` when no message is named."""
    selection = Selection.of(_facts(question))
    if not selection.narrow and not question.all:
        raise ValueError(_NOBODY)
    return await control.hands.orders.carry_out(question.order, selection, who.name)


def _facts(question: Ordering) -> dict[str, Any]:
    limit = {"limit": question.limit} if question.limit else {}
    return question.facts() | {"ids": question.ids, "states": question.state} | limit


CALLS = (
    Call(
        "messages", "GET", "/messages", Role.VIEWER, "Messages that are meant, settled ones too, page by page.",
        search, Messages, Search,
    ),
    Call("message", "GET", "/messages/{id}", Role.VIEWER, "One message whole.", one, Message, OneMessage),
    Call(
        "content", "GET", "/messages/{id}/content", Role.OPERATOR,
        "All octets of a message as it is sent (message/rfc822). The journal tells who has asked.",
        content, Attachment, OneMessage, media="message/rfc822",
    ),
    Call(
        "order", "POST", "/orders/{order}", Role.OPERATOR, "Retries, holds, releases or drops messages.",
        order, Answer, Ordering,
    ),
)  # fmt: skip
