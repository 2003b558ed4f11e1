"""What the journal told of each device since the start: how it speaks, what was mended, why it was refused.

A listener of the journal, in the loop's thread; bounded, whatever devices send; other threads may ask. A refusal before
anybody knew the device is kept by its address, and belongs to the device that has that address when somebody asks.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MOST_DEVICES = 5000
MOST_REFUSALS = 20
MOST_NAMELESS = 500
_MOST_KINDS = 40
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Refusal:
    """One time somebody was turned away, epoch seconds; `option` is the line of the configuration that says so."""

    at: float
    client: str
    reply: str
    reason: str
    remedy: str
    option: str


@dataclass(slots=True)
class Habits:
    """One device since the start; times are epoch seconds."""

    last: float = 0.0
    last_id: str = ""
    messages: int = 0
    octets: int = 0
    client: str = ""
    helo: str = ""
    listener: str = ""
    tls: str = ""
    cipher: str = ""
    mechanism: str = ""
    repairs: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    refusals: deque[Refusal] = field(default_factory=lambda: deque(maxlen=MOST_REFUSALS))


class DeviceLog:
    """Remembers while the process lives."""

    events = frozenset({
        "message.received", "message.stored", "client.refused", "intake.failed", "session.broken", "relay.started",
        "config.reloaded",
    })  # fmt: skip

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._devices: OrderedDict[str, Habits] = OrderedDict()
        self._nameless: deque[Refusal] = deque(maxlen=MOST_NAMELESS)
        self.in_force_since = clock()  # the configuration

    def heard(self, event: str, fields: Mapping[str, Any]) -> None:
        """One event of the journal."""
        match event:
            case "message.received":
                _note(self._of(str(fields["device"])), fields)
            case "message.stored":
                self._stored(self._of(str(fields["device"])), fields)
            case "client.refused" | "intake.failed" | "session.broken":
                self._refused(fields)
            case "relay.started" | "config.reloaded":
                self.in_force_since = self._clock()

    def habits(self, name: str) -> Habits:
        """What is known of the device of that name."""
        return self._devices.get(name) or Habits()

    def refusals(self, name: str, nameless: Iterable[Refusal] = ()) -> tuple[list[Refusal], int]:
        """The last ones of a device, newest first, and how many; `nameless` are those of its addresses."""
        habits, others = self.habits(name), list(nameless)
        found = sorted((*list(habits.refusals), *others), key=lambda one: one.at, reverse=True)
        return found[:MOST_REFUSALS], habits.refused + len(others)

    def nameless(self) -> list[Refusal]:
        """Those who were turned away before anybody knew them."""
        return list(self._nameless)

    def _of(self, name: str) -> Habits:
        habits = self._devices.get(name)
        if habits is None:
            habits = self._devices[name] = Habits()
        self._devices.move_to_end(name)
        if len(self._devices) > MOST_DEVICES:
            self._devices.popitem(last=False)
        return habits

    def _stored(self, habits: Habits, fields: Mapping[str, Any]) -> None:
        habits.last, habits.last_id = self._clock(), str(fields["id"])
        habits.messages += 1
        habits.octets += int(fields.get("size", 0))

    def _refused(self, fields: Mapping[str, Any]) -> None:
        words = (str(fields.get(name, ""))[:_LONGEST] for name in ("client", "reply", "reason", "remedy", "option"))
        one = Refusal(self._clock(), *words)
        if name := str(fields.get("device", "")):
            habits = self._of(name)
            habits.refused += 1
            habits.refusals.append(one)
        elif one.client:
            self._nameless.append(one)


def _note(habits: Habits, fields: Mapping[str, Any]) -> None:
    """How the device spoke this time; what is left out was empty."""
    for name in ("client", "helo", "listener", "tls", "cipher", "mechanism"):
        setattr(habits, name, str(fields.get(name, ""))[:_LONGEST])
    for kind in fields.get("changes") or ():
        if kind in habits.repairs or len(habits.repairs) < _MOST_KINDS:
            habits.repairs[kind] += 1
