"""Each message's way, put together from the relay's journal and from what the pretend Exchange took.

The journal comes as JSON lines. A `Way` ends with `message.delivered`; a `Trouble` is any event that a person should
read at once. Both come out of `Ways.next()` in the order in which they happened.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from relay.sandbox.mailbox import Arrived

    Event = Mapping[str, Any]

ENDED = "relay.ended"
_HOPELESS = frozenset({"message.failed", "profile.paused", "relay.failed", "config.refused", ENDED})
_TROUBLES = _HOPELESS | {
    "message.deferred", "message.uncertain", "recipient.failed", "client.refused", "intake.failed", "session.broken",
    "session.failed", "delivery.broken",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Way:
    """One message from the device to the mailbox; `token` is the last one fetched before it was delivered."""

    received: Event
    stored: Event
    token: Event | None
    delivered: Event
    arrived: Arrived | None

    @property
    def id(self) -> str:
        """The relay's id of the message."""
        return str(self.received["id"])

    @property
    def fetched_for_it(self) -> bool:
        """Whether the token was fetched while this message waited for it."""
        return self.token is not None and at(self.token) >= at(self.received)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something went wrong; `hopeless` when waiting does not help."""

    event: Event

    @property
    def hopeless(self) -> bool:
        """Whether nothing will arrive without somebody doing something."""
        return self.event["event"] in _HOPELESS

    def __str__(self) -> str:
        told = [str(self.event[name]) for name in ("id", "device", "client") if name in self.event]
        told += [str(self.event[name]) for name in ("meaning", "reason", "reply", "answer") if self.event.get(name)]
        remedy = self.event.get("remedy")
        return f"{self.event['event']}: {' · '.join(told)}" + (f"\n  what to do: {remedy}" if remedy else "")


class Ways:
    """Collects events; `find` gives what arrived for a relay's id."""

    def __init__(self, find: Callable[[str], Arrived | None]) -> None:
        self._find = find
        self._events: dict[str, dict[str, Event]] = {}
        self._token: Event | None = None
        self._ended: asyncio.Queue[Way | Trouble] = asyncio.Queue()
        self.started: asyncio.Future[Event] = asyncio.get_running_loop().create_future()  # or failed, or ended

    def line(self, line: str) -> None:
        """One line of the journal; what is not JSON is somebody else's."""
        try:
            event = json.loads(line)
        except ValueError:
            return
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            self._note(event)

    def relay_ended(self, reason: str) -> None:
        """The relay is gone: nothing more will come."""
        event = {"event": ENDED, "reason": reason}
        if not self.started.done():
            self.started.set_result(event)
        self._ended.put_nowait(Trouble(event))

    async def next(self) -> Way | Trouble:
        """What happened next."""
        return await self._ended.get()

    def _note(self, event: Event) -> None:
        name = event["event"]
        if name in ("relay.started", "relay.failed") and not self.started.done():
            self.started.set_result(event)
        elif name == "token.fetched":
            self._token = event
        elif name in ("message.received", "message.stored"):
            self._events.setdefault(event["id"], {})[name] = event
        elif name == "message.delivered":
            self._deliver(event)
        elif name in _TROUBLES:
            self._ended.put_nowait(Trouble(event))

    def _deliver(self, event: Event) -> None:
        before = self._events.pop(event["id"], {})
        received, stored = before.get("message.received"), before.get("message.stored")
        if received is not None and stored is not None:  # else it was accepted by a relay before this one
            way = Way(received, stored, self._token, event, self._find(event["id"]))
            self._ended.put_nowait(way)


def at(event: Event) -> datetime:
    """When an event was written."""
    return datetime.fromisoformat(event["timestamp"])
