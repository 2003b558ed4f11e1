"""Every question an operator may ask; the command line (and later the dashboard) are faces of it."""

from relay.control.queue import Attempt, QueueItem, QueueRow, RecipientRow, SpoolError, open_queue

__all__ = ["Attempt", "QueueItem", "QueueRow", "RecipientRow", "SpoolError", "open_queue"]
