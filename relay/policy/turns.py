"""Whose turn it is within one mailbox: by due time and by device, never by the order of arrival alone.

Who waits for an answer goes before who does not, for as long as a device may wait at most: mail left by an outage is
nobody's any more, whatever its device asks for. Among those the devices take turns, so that one with 10 000 messages
costs any other one message of waiting; within a device the message that is due first goes first. A large message takes
a connection only when it leaves one to the small ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from relay.policy.precedence import is_interactive, is_large

if TYPE_CHECKING:
    from collections.abc import Iterable

_FARTHEST_MS = 108_000_000  # 30 h: nothing makes mail wait longer, so what is due later was dated by another clock
_WAITED_FOR_MS = 300_000  # the longest answer_within_s
_RANK = attrgetter("served", "due_at", "id")


@dataclass(frozen=True, slots=True)
class Head:
    """The first waiting message of one profile, precedence and device; `served` counts up with each message taken."""

    profile: str
    id: str
    precedence: int
    device: str
    due_at: int
    served: int


def whose_turn(heads: Iterable[Head], now: int, *, large: bool) -> Head | None:
    """The message to take now; `large`: whether it may be a large one."""
    ready = [
        head for head in heads
        if not now < head.due_at <= now + _FARTHEST_MS and (large or not is_large(head.precedence))
    ]  # fmt: skip
    waited_for = [head for head in ready if head.due_at > now - _WAITED_FOR_MS and is_interactive(head.precedence)]
    return min(waited_for or ready, key=_RANK, default=None)


def next_due(heads: Iterable[Head], now: int) -> int | None:
    """When the next of those that must wait is due (epoch milliseconds)."""
    return min((head.due_at for head in heads if not is_due(head.due_at, now)), default=None)


def is_due(at: int, now: int) -> bool:
    """Whether a time has come, or was set by a clock that has been put back since."""
    return not now < at <= now + _FARTHEST_MS
