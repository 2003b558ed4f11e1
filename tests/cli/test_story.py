"""One message as `relay queue show` and `relay trace` tell it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from relay.cli.queue import story
from relay.control.queue import QueueItem, RecipientRow


def item(state: str, *recipients: RecipientRow) -> QueueItem:
    """A message with these recipients, everything else empty."""
    empty: dict[str, Any] = {field.name: "" for field in fields(QueueItem)}
    parts = {"recipients": recipients, "attempts": (), "events": (), "notices": ()}
    return QueueItem(**empty | {"id": "x", "state": state, "size": 1, "doubts": 0} | parts)


def test_a_recipient_is_named_once() -> None:
    """In the heading, with what became of it below."""
    text = story(
        item("failed", RecipientRow("ann@contoso.com", "failed", "550 no"), RecipientRow("bo@b.de", "pending", ""))
    )
    assert text.count("ann@contoso.com") == 1
    assert "recipient ann@contoso.com\nstate   failed\nanswer  550 no" in text
    assert "recipient bo@b.de\nstate   pending" in text
