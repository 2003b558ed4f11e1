"""What is in the spool: answered from its database by a connection that only reads, whether or not the relay runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.spool.browse import Attempt, Browser, QueueItem, QueueRow, RecipientRow
from relay.spool.store import SpoolError

if TYPE_CHECKING:
    from relay.config.settings import Settings

__all__ = ["Attempt", "QueueItem", "QueueRow", "RecipientRow", "SpoolError", "open_queue"]


def open_queue(settings: Settings) -> Browser:
    """The queue of this configuration's spool. Its questions raise `SpoolError` when it can't be read."""
    return Browser(settings.data_dir / "spool")
