"""What is in the spool: answered from its database by a connection that only reads, whether or not the relay runs.

Sealed mail is opened with the keys of the configuration, as far as whoever asks may read them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.config.aeskey import new_key
from relay.config.secret import SecretError
from relay.control.caller import is_running
from relay.control.names import NotFoundError, one_id
from relay.spool.browse import Attempt, Browser, QueueItem, QueueRow, RecipientRow
from relay.spool.keyring import NO_KEYS, Keyring
from relay.spool.search import Searcher
from relay.spool.selection import Selection
from relay.spool.store import SpoolError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.config.settings import Settings

__all__ = [
    "Attempt",
    "NotFoundError",
    "QueueItem",
    "QueueRow",
    "RecipientRow",
    "Searcher",
    "Selection",
    "SpoolError",
    "export_of",
    "item_of",
    "new_key",
    "open_queue",
    "open_search",
]


def open_queue(settings: Settings) -> Browser:
    """The queue of this configuration's spool. Its questions raise `SpoolError` when it can't be read."""
    running = is_running(settings.data_dir)
    return Browser(settings.data_dir / "spool", _keys(settings), settings.limits_of, running=running)


def item_of(settings: Settings, text: str) -> QueueItem:
    """The message with this id, a part of it, or Message-ID. Raises `NotFoundError`, `SpoolError`."""
    item = open_queue(settings).show(one_id(settings, text))
    if item is None:  # gone since it was found
        raise NotFoundError(f"There is no message {text} any more: its retention is over.")
    return item


def open_search(settings: Settings, *, running: bool = True) -> Searcher:
    """The same, for whoever looks for messages, settled ones too; `running` says whether a relay works on them."""
    return Searcher(settings.data_dir / "spool", _keys(settings), settings.limits_of, running=running)


def _keys(settings: Settings) -> Keyring:
    try:
        return Keyring.read(settings.spool.encryption)
    except SecretError:
        return NO_KEYS  # what is sealed says so when it is looked at


def export_of(settings: Settings, message_id: str) -> Iterator[bytes]:
    """One stored message as it is sent, piece by piece. Raises `SpoolError`, also between two of them."""
    try:
        keys = Keyring.read(settings.spool.encryption)
    except SecretError as error:
        raise SpoolError(f"{error}; ask as the relay's user or as root") from error
    return Browser(settings.data_dir / "spool", keys).content(message_id)
