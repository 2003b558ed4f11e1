"""How a throttled mailbox slows down and comes back: halved by each throttling answer, a step up for each quiet time.

Multiplicative down and additive up, as TCP does it: whatever share of Exchange's limits others take who sign in as the
same mailbox, the relay settles just below what is left. The state is the share (1: all of the configured limits) and
the time since which it is quiet: when the rest that the throttle asked for is over.
"""

from __future__ import annotations

_LEAST = 1 / 16
_STEP = 1 / 8
_QUIET_MS = 300_000
_FARTHEST_MS = 90_000_000  # no throttle lasts longer than 25 h: what is dated later was dated by another clock
_UNLIMITED = 30  # messages a minute that a mailbox without a limit is slowed down from: what Exchange allows


def slowed(pace: float) -> float:
    """The share after one more throttling answer."""
    return max(_LEAST, pace / 2)


def pace_at(pace: float, quiet_since: int, now: int) -> float:
    """The share now, of one that was set to `pace` and has been quiet since then (epoch milliseconds)."""
    if quiet_since > now + _FARTHEST_MS:
        return 1.0
    steps = max(0, now - quiet_since) // _QUIET_MS
    return min(1.0, pace + steps * _STEP)


def per_minute_at(pace: float, per_minute: int) -> int:
    """Messages a minute at this pace; 0 (no limit) only where nothing is slowed."""
    if pace >= 1:
        return per_minute
    return max(1, int((per_minute or _UNLIMITED) * pace))


def sessions_at(pace: float, sessions: int) -> int:
    """Connections at this pace, one at least: at half pace or less one message at a time finds out."""
    return max(1, int(sessions * pace))
