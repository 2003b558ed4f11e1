"""How many messages a mailbox may start per minute: a virtual-scheduling meter (GCRA, ITU-T I.371).

The promise is about every window, not about the average: **no 60 seconds, wherever they begin, hold more than
`per_minute` starts**. A meter with burst b and emission interval T lets b + ⌊60 s / T⌋ starts into such a window, so
the burst is paid for out of the rate: sustained is `per_minute - burst` per minute. Exchange Online delays what exceeds
30 messages a minute and mailbox (Microsoft SupportArticles, smtp-submission-improvements), and the count is shared with
whatever else signs in as that mailbox; hence the exact form, and no averaging.

The state is `tat_ms`, the theoretical arrival time: epoch milliseconds when the meter is empty again; 0 for a new one.
"""

from __future__ import annotations

from dataclasses import dataclass

_WINDOW_MS = 60_000


@dataclass(frozen=True, slots=True)
class Grant:
    """The answer of the meter: store `tat_ms` when granted; when not, ask again after `wait_ms` milliseconds."""

    granted: bool
    tat_ms: int
    wait_ms: int


def burst_of(per_minute: int) -> int:
    """How many messages may start at once by default: 30 % of the limit, at least one."""
    return max(1, per_minute * 3 // 10)


def gcra(tat_ms: int, now_ms: int, *, per_minute: int, burst: int) -> Grant:
    """Whether one more message may start at `now_ms`.

    `per_minute` 0 means no limit. `burst` is brought between 1 and `per_minute - 1`. A `tat_ms` further ahead than this
    meter could have set it (the clock was set back, or the limit was raised) does not block the mailbox: the meter
    counts as just full and gives one start. Raises `ValueError` for a negative limit.
    """
    if per_minute < 0:
        raise ValueError(f"messages per minute is 0 (no limit) or more, not {per_minute}")
    if per_minute == 0:
        return Grant(True, tat_ms, 0)
    burst = max(1, min(burst, per_minute - 1))
    interval = _interval_ms(per_minute - burst)
    tolerance = (burst - 1) * interval
    if tat_ms > now_ms + burst * interval:
        tat_ms = now_ms + tolerance
    wait = tat_ms - tolerance - now_ms
    if wait > 0:
        return Grant(False, tat_ms, wait)
    return Grant(True, max(tat_ms, now_ms) + interval, 0)


def _interval_ms(sustained: int) -> int:
    """Rounded up, because a millisecond too little is a message too many; one per minute needs more than the window."""
    return -(-_WINDOW_MS // sustained) if sustained else _WINDOW_MS + 1
