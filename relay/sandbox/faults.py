"""What shall go wrong: faults by stage, taken one after another, switchable while everything runs.

A fault is looked for when its stage is reached; the first that matches and whose dice allow it acts. `count` times,
then it is used up. Exchange's stages are named after what is being answered (`secured` is EHLO behind TLS, `final` the
answer to the complete body), Entra's after its endpoints; `graph` is any request to Graph, `https` any to an endpoint
that speaks HTTPS.
"""

import asyncio
import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

SMTP_STAGES = ("connect", "greeting", "ehlo", "starttls", "secured", "auth", "mail", "rcpt", "data", "final")
ENTRA_STAGES = ("discovery", "keys", "authorize", "devicecode", "token")
GRAPH_STAGES = ("graph",)
ANY_HTTPS = "https"
STAGES = (*SMTP_STAGES, *ENTRA_STAGES, *GRAPH_STAGES, ANY_HTTPS)
ACTIONS = ("reply", "http", "aadsts", "graph", "portal", "drop", "hang", "delay", "challenge")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    action `reply`: answer with the literal SMTP `reply` (and hang up after it when `close`); `http`: answer with
    `status`, `body` and Retry-After `retry_after` seconds; `aadsts`: an Entra error body of that number; `graph`: the
    refusal that `graph` names in graph_errors.py, or one of `code`, with `status` and `body` (its message) where given;
    `portal`: 200 with the page of a guest network; `drop`: reset the connection; `hang`: say nothing until the fault is
    removed or the client leaves, then go on; `delay`: wait `seconds`, then go on; `challenge` (auth): refuse the token
    by a 334 with a JSON error first, as Google does.
    `keep` (stages final, graph): the message is kept before the fault acts: its sender cannot know.
    """

    stage: str
    action: str
    reply: str = "451 4.7.0 Temporary server error. Please try again later. PRX2"
    close: bool = False
    keep: bool = False
    status: int = 0  # 0: what is usual for the code; 503 where there is none
    body: str = ""
    retry_after: int = 0
    aadsts: int = 90033
    graph: str = "graph-unavailable"
    code: str = ""
    seconds: float = 0.0
    count: int = 0  # 0: until it is removed
    probability: float = 1.0
    mailbox: str = ""  # only when this mailbox is signed in (or tries to)
    id: str = ""

    def __post_init__(self) -> None:
        """Refuse a stage or action that does not exist."""
        for word, allowed in ((self.stage, STAGES), (self.action, ACTIONS)):
            if word not in allowed:
                raise ValueError(f"a fault knows no {word!r}; one of {', '.join(allowed)}")
        if self.action == "graph" and self.stage not in GRAPH_STAGES:
            raise ValueError(f"Graph's refusals belong to the stage graph, not to {self.stage}")

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """Make a fault out of a JSON object; raise ValueError for unknown keys and words."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(given) - known):
            raise ValueError(f"a fault has no {', '.join(unknown)}; it has {', '.join(sorted(known))}")
        try:
            return cls(**given)
        except TypeError as error:
            raise ValueError(str(error)) from error

    def to_json(self) -> dict[str, Any]:
        """The fault as a JSON object."""
        return asdict(self)


class Faults:
    """The faults in force. Not for threads: call it in the loop of its cloud, or over the management port."""

    def __init__(self, *, seed: int | None = None) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - chance, not secrecy
        self._numbers = itertools.count(1)
        self._faults: dict[str, Fault] = {}
        self._left: dict[str, int] = {}
        self._released: dict[str, asyncio.Event] = {}
        self.hits: list[tuple[str, str]] = []
        self._hit = asyncio.Event()

    def add(self, fault: Fault) -> str:
        """Put a fault in force and return its id."""
        name = fault.id or f"f{next(self._numbers)}"
        self._faults[name] = replace(fault, id=name)
        self._left[name] = fault.count
        self._released[name] = asyncio.Event()
        return name

    def remove(self, name: str) -> bool:
        """Take a fault back, and let go what hangs by it; False when there is none of that id."""
        if event := self._released.pop(name, None):
            event.set()
        self._left.pop(name, None)
        return self._faults.pop(name, None) is not None

    def clear(self) -> None:
        """Take all faults back."""
        for name in list(self._released):
            self.remove(name)

    def __iter__(self) -> Iterator[Fault]:
        return iter(list(self._faults.values()))

    def __len__(self) -> int:
        return len(self._faults)

    def take(self, stage: str, mailbox: str = "") -> Fault | None:
        """The fault that acts now at `stage`, or None; one use of it is counted."""
        for fault in list(self._faults.values()):
            if fault.stage == stage and self._applies(fault, mailbox):
                self._count(fault)
                return fault
        return None

    def take_https(self, stage: str, mailbox: str = "") -> Fault | None:
        """The fault that acts now at an endpoint that speaks HTTPS: one of its own, or one of all of them."""
        return self.take(stage, mailbox) or self.take(ANY_HTTPS, mailbox)

    async def released(self, fault: Fault) -> None:
        """Return when `fault` has been removed (a fault not in force never hangs anyone)."""
        if event := self._released.get(fault.id):
            await event.wait()

    async def hit_at(self, stage: str, count: int = 1) -> None:
        """Return when faults of a stage have acted `count` times since the start."""
        while sum(hit == stage for hit, _ in self.hits) < count:
            await self._hit.wait()

    def _applies(self, fault: Fault, mailbox: str) -> bool:
        if fault.mailbox and fault.mailbox.lower() != mailbox.lower():
            return False
        return fault.probability >= 1.0 or self._dice.random() < fault.probability

    def _count(self, fault: Fault) -> None:
        self.hits.append((fault.stage, fault.action))
        self._hit.set()
        self._hit = asyncio.Event()
        if not self._left[fault.id]:
            return
        self._left[fault.id] -= 1
        if not self._left[fault.id]:
            # used up, but what hangs by it hangs until remove() or clear()
            del self._faults[fault.id], self._left[fault.id]
