"""The whole story of one message, in order of time: both SMTP sides, what was changed, tried, ordered and told."""

from __future__ import annotations

import json
from collections.abc import Mapping  # noqa: TC003  (the API asks for the types of fields)
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from relay.control.caller import is_running
from relay.control.names import NotFoundError, the_one
from relay.control.queue import open_search
from relay.message.transcript import octets
from relay.policy.prospect import standing_of

if TYPE_CHECKING:
    from relay.config.settings import Settings
    from relay.spool.chronicle import Record

__all__ = ["NotFoundError", "Scene", "Trace", "scenes_of", "told", "trace"]

_NO_OUTCOME = "none was written: it is under way, or the relay ended within it, and then the message may have arrived"
_DOUBT = "in doubt: the whole message had left and no answer came; it may have arrived"
_LISTS = ("changes", "left")
_OWED = {"failed": "its sender, that it was not delivered", "delayed": "its sender, that it is late"}


@dataclass(frozen=True, slots=True)
class Scene:
    """Something that happened: when (ISO 8601, UTC), what, the facts, and what was said meanwhile."""

    at: Annotated[str, "when"]
    what: Annotated[str, "in words"]
    facts: Annotated[Mapping[str, str], "what is known of it, by name"] = field(default_factory=dict)
    transcript: Annotated[tuple[str, ...], "what both sides said, C the client and S the server, secrets masked"] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """One message: who it is for and what became of each, the scenes in order of time, and what comes next."""

    id: str
    state: str
    next: str
    recipients: tuple[Mapping[str, str], ...]
    scenes: tuple[Scene, ...]


def trace(settings: Settings, text: str) -> Trace:
    """The story of the message with this id (its beginning or end will do) or Message-ID in angle brackets.

    Raises `NotFoundError`, `relay.spool.store.SpoolError`.
    """
    searcher = open_search(settings, running=is_running(settings.data_dir))
    record = searcher.record(the_one(searcher, text.strip()))
    if record is None:  # gone since it was found
        raise NotFoundError(f"There is no message {text} any more: its retention is over.")
    return told(record)


def told(record: Record) -> Trace:
    """The story as a value."""
    message = record.message
    recipients = tuple(
        {
            "address": str(row["address"]), "state": standing_of(str(row["state"]), message["state"]),
            "answer": str(row["answer"]),
        }
        for row in record.recipients
    )  # fmt: skip
    return Trace(message["id"], message["state"], record.next, recipients, scenes_of(record))


def scenes_of(record: Record) -> tuple[Scene, ...]:
    """What happened, in order of time."""
    message = record.message
    scenes = [
        *_arrival(message, len(record.recipients)),
        *map(_attempt, record.attempts),
        *(_scene(event["at"], event["what"], by=event["who"], detail=event["detail"]) for event in record.events),
        *(_scene(n["at"], f"to be told: {_OWED.get(n['what'], n['what'])}", cause=n["cause"]) for n in record.notices),
    ]
    if message["settled_at"] is not None:
        scenes.append(_scene(message["settled_at"], str(message["state"]), rule=message["rule"]))
    scenes.sort(key=lambda scene: scene.at)  # a sort that keeps the order of what happened in one millisecond
    return tuple(scenes)


def came_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """How it came; nothing where that is damaged."""
    try:
        came = dict(json.loads(message["arrival"] or "{}"))
    except (ValueError, TypeError):
        return {}
    return {name: came[name] for name in came if isinstance(came[name], list if name in _LISTS else str)}


def _arrival(message: Mapping[str, Any], recipients: int) -> list[Scene]:
    came = came_of(message)
    at = message["received_at"]
    device_side = tuple(message["transcript"].splitlines())
    what = (
        f"received from {message['device']}"
        if message["kind"] == "mail"
        else f"written by the relay: a {message['kind']}"
    )
    received = _scene(
        at, what, device_side, client=message["client"], listener=came.get("listener"), protocol=came.get("protocol"),
        tls=came.get("tls"), helo=came.get("helo"), sender=came.get("sender"), author=message["author"],
        recipients=recipients, **{"Message-ID": came.get("message_id")},
    )  # fmt: skip
    changes, left = (", ".join(came.get(name, ())) for name in ("changes", "left"))
    changed = [_scene(at, "changed", changes=changes, left=left)] if changes or left else []
    stored = _scene(
        at, "stored", size=octets(message["size"]).strip("… "), profile=message["profile"], mailbox=message["mailbox"],
        sends_as=message["sender"],
    )  # fmt: skip
    return [received, *changed, stored]


def _attempt(attempt: Mapping[str, Any]) -> Scene:
    ended, outcome = attempt["ended_at"], attempt["outcome"]
    took = "" if ended is None else f"{ended - attempt['started_at']} ms"
    return _scene(
        attempt["started_at"], f"attempt {attempt['n']}", tuple(attempt["transcript"].splitlines()),
        outcome=outcome or _NO_OUTCOME, doubt=_DOUBT if outcome == "uncertain" else "", took=took,
        **{name: attempt[name] for name in ("host", "stage", "rule", "answer", "meaning", "remedy")},
    )  # fmt: skip


def _scene(at: int, what: str, transcript: tuple[str, ...] = (), **facts: object) -> Scene:
    """A fact that there is not is left out."""
    known = {name: str(fact) for name, fact in facts.items() if fact not in ("", None)}
    return Scene(_when(at), what, known, transcript)


def _when(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
