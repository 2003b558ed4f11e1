"""Which message is meant: by its id, a part of it, or its Message-ID."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.spool.chronicle import NEWEST, Chronicle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.config.settings import Settings

SHORTEST = 4
_WHOLE = 26  # a ULID


class NotFoundError(LookupError):
    """No message, or more than one; the text says which and what to do."""


def one_id(settings: Settings, text: str) -> str:
    """The id of the message that is meant. Raises `NotFoundError`, `relay.spool.store.SpoolError`."""
    return the_one(Chronicle(settings.data_dir / "spool"), text.strip())


def whole_ids(settings: Settings, names: Sequence[str]) -> tuple[str, ...]:
    """Ids in the place of their parts; a whole one is taken as it is. Raises as `one_id`."""
    return tuple(name.upper() if len(name) == _WHOLE else one_id(settings, name) for name in names)


def the_one(chronicle: Chronicle, text: str) -> str:
    """The id of the message that is meant. Raises `NotFoundError`, `relay.spool.store.SpoolError`."""
    called = "@" in text or text.startswith("<")
    if called:
        text = f"<{text.strip('<>')}>"
    if not called and len(text) < SHORTEST:
        raise NotFoundError(f"{text} is too short for an id: give at least {SHORTEST} characters of its begin or end.")
    found = chronicle.ids_called(text) if called else chronicle.ids(text)
    if len(found) > 1:
        raise NotFoundError("More than one message is meant; give one of these ids:\n  " + "\n  ".join(found))
    if not found:
        raise NotFoundError(_unknown_name(text) if called else _unknown_id(text))
    return found[0]


def _unknown_id(text: str) -> str:
    return (
        f"There is no message {text}. `relay queue list` shows what waits, `relay queue list --state delivered` what "
        "is done; a settled message is forgotten after spool.keep_delivered_days or spool.keep_failed_days."
    )


def _unknown_name(text: str) -> str:
    return (
        f"No message among the newest {NEWEST} has the Message-ID {text}. The id of the spool, which the journal "
        "writes and the relay answers (`queued as …`), always finds it."
    )
