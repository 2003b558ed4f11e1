"""What is in the spool: answered from its database by a connection that only reads, whether or not the relay runs.

Sealed mail is opened with the keys of the configuration, as far as whoever asks may read them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.config.aeskey import new_key
from relay.config.secret import SecretError
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
    "QueueItem",
    "QueueRow",
    "RecipientRow",
    "Searcher",
    "Selection",
    "SpoolError",
    "export_of",
    "new_key",
    "open_queue",
    "open_search",
]


def open_queue(settings: Settings) -> Browser:
    """The queue of this configuration's spool. Its questions raise `SpoolError` when it can't be read."""
    return Browser(settings.data_dir / "spool", _keys(settings), settings.limits_of)


def open_search(settings: Settings) -> Searcher:
    """The same, for whoever looks for messages, settled ones too."""
    return Searcher(settings.data_dir / "spool", _keys(settings), settings.limits_of)


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
