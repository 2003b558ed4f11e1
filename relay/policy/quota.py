"""How many messages a mailbox may start per minute: a virtual-scheduling meter (GCRA, ITU-T I.371) without a burst.

The promise is about every window, not about the average: **no 60 seconds, wherever they begin, both ends included,
hold more than `per_minute` starts**, and they are evenly spaced. Exchange Online delays what exceeds 30 messages a
minute and mailbox (Microsoft SupportArticles, smtp-submission-improvements), and the count is shared with whatever else
signs in as that mailbox; hence the exact form, and no averaging. Without a burst the whole rate is sustained, and a
message for which a device waits never finds the minute used up by those before it.

The state is `tat_ms`, the theoretical arrival time: epoch milliseconds when the next may start; 0 for a new meter.
"""

from __future__ import annotations

from dataclasses import dataclass

_WINDOW_MS = 60_000


@dataclass(frozen=True, slots=True)
class Grant:
    """The answer of the meter: store `tat_ms` in any case; when not granted, ask again after `wait_ms` milliseconds."""

    granted: bool
    tat_ms: int
    wait_ms: int


def gcra(tat_ms: int, now_ms: int, *, per_minute: int) -> Grant:
    """Whether one more message may start at `now_ms`.

    `per_minute` 0 means no limit. A `tat_ms` further ahead than this meter could have set it (the clock was set back,
    or the limit was raised) costs one interval of waiting, no more. Raises `ValueError` for a negative limit.
    """
    if per_minute < 0:
        raise ValueError(f"messages per minute is 0 (no limit) or more, not {per_minute}")
    if per_minute == 0:
        return Grant(True, tat_ms, 0)
    interval = interval_ms(per_minute)
    tat_ms = min(tat_ms, now_ms + interval)
    if tat_ms > now_ms:
        return Grant(False, tat_ms, tat_ms - now_ms)
    return Grant(True, now_ms + interval, 0)


def interval_ms(per_minute: int) -> int:
    """From one start to the next: a millisecond more than the even share, because a window holds both its ends."""
    return _WINDOW_MS // per_minute + 1
