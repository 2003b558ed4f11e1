"""What will happen to a message next, in words an operator acts on; the clock and all that it depends on come in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from relay.policy.orders import KEY_MISSING

_WAITS = ("queued", "uncertain")
_ENDS = {
    "corrupt": "damaged: never sent",
    "failed": "nothing more: it failed; relay queue retry sends it again",
    "dropped": "nothing more: it was dropped",
}
_SMALL = frozenset({"The", "A", "An", "Too", "No", "What", "There", "Nobody", "This", "Somebody", "Over", "More"})
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


@dataclass(frozen=True, slots=True)
class Standing:
    """A message and what it depends on; times are epoch milliseconds, 0 where there is none.

    `connected` says that the mailbox has as many connections as it may; `pace` is the share of its limits it uses;
    `running` that a relay works on it.
    """

    state: str
    due_at: int
    attempts: int
    profile: str
    rule: str = ""
    held_by: str = ""
    paused_until: int = 0
    paused_for: str = ""
    rests_until: int = 0
    budget_until: int = 0
    connected: bool = False
    pace: float = 1.0
    running: bool = True


def prospect(one: Standing, now: int) -> str:
    """One sentence without its full stop."""
    if one.state == "held":
        return _held(one)
    if one.state == "leased":
        after = f"; then held for operator {one.held_by}" if one.held_by else ""
        if not one.running:
            return f"attempt {one.attempts} was cut: no relay runs; the next start sees to it{after}"
        return f"attempt {one.attempts} is under way{after}"
    if one.state not in _WAITS or not isinstance(one.due_at, int):  # of a damaged row it may be anything
        return _ENDS.get(one.state, "nothing more")
    doubt = "in doubt: the answer to its last attempt was lost; " if one.state == "uncertain" else ""
    return doubt + (_waits(one, now) or _attempt(one, now))


def standing_of(recipient: str, message: str) -> str:
    """What became of a recipient, by its state and the message's: nobody waits for one of a message given up."""
    return "dropped" if (recipient, message) == ("pending", "dropped") else recipient


def _held(one: Standing) -> str:
    if one.held_by:
        return f"held by operator {one.held_by}: release or drop it"
    if one.rule == KEY_MISSING:
        return "held: its key is missing; the next start that has the key releases it"
    if one.rule == "spool.interrupted":
        return "held: it may have arrived; ask its recipient, then release or drop it"
    return "held: release or drop it"


def _waits(one: Standing, now: int) -> str:
    """What it waits for besides its own time, the longest lasting first."""
    if one.paused_until:
        cause = f" because {_inside(one.paused_for)}" if one.paused_for else ""
        return (
            f"waits: its profile {one.profile} is paused{cause}; rechecked at {at(one.paused_until)}; "
            f"relay doctor {one.profile}"
        )
    own = max(one.due_at, now)
    if one.budget_until > own:
        return f"waits: the day's recipients of the mailbox are used up until {at(one.budget_until)}"
    if one.rests_until > own:
        return f"waits: the mailbox rests until {at(one.rests_until)}"
    return ""


def _inside(sentence: str) -> str:
    """As it stands within another sentence; names and commands keep their capitals."""
    first, _, rest = sentence.rstrip(".").partition(" ")
    return f"{first.lower() if first in _SMALL else first} {rest}".rstrip()


def _attempt(one: Standing, now: int) -> str:
    if not one.running:
        earliest = f", not before {at(one.due_at)}" if one.due_at > now else ""
        return f"attempt {one.attempts + 1} when a relay runs{earliest}; none does now"
    slow = f"; the mailbox is slowed down to {one.pace:.0%} of its limits" if one.pace < 1 else ""
    if one.due_at > now:
        return f"attempt {one.attempts + 1} in {span((one.due_at - now) / 1000)}, not before {at(one.due_at)}{slow}"
    if one.connected:
        return f"attempt {one.attempts + 1} when its turn has come on a connection of the mailbox{slow}"
    return f"attempt {one.attempts + 1} now{slow}"


def span(seconds: float) -> str:
    """A length of time, as precise as somebody who waits wants it."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, round(seconds))} s"


def at(milliseconds: object) -> str:
    """A moment: ISO 8601 in UTC."""
    if milliseconds is None:
        return ""
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)  # type: ignore[operator]
    except (TypeError, ValueError, OverflowError, OSError):
        return f"no time: {milliseconds!r}"  # of a damaged row
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
