"""When a deferred message is tried again, and when it has waited long enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_RECHECK_MAX_S = 3600.0
_JITTER = 0.2  # enough that mail deferred by one outage does not come back in one moment


def delay_s(attempt: int, *, schedule: Sequence[float], chance: float) -> float:
    """Seconds to wait after the attempt with this number (the first is 1), within ±20 % of the schedule's step.

    The last step of `schedule` repeats for ever. `chance` is a random number in [0, 1) that the caller draws, so that
    this stays a function. Raises `ValueError` for an empty schedule, an attempt below 1 or a chance outside its range.
    """
    if not schedule:
        raise ValueError("the retry schedule is empty: give at least one step in delivery.retry_s")
    if attempt < 1:
        raise ValueError(f"attempts count from 1, not {attempt}")
    if not 0 <= chance < 1:
        raise ValueError(f"chance is a random number in [0, 1), not {chance}")
    step = schedule[min(attempt, len(schedule)) - 1]
    return step * (1 - _JITTER + 2 * _JITTER * chance)


def recheck_after_s(count: int, first_s: float) -> float:
    """Seconds until a refused configuration is tried again, after so many rechecks in vain: doubled each time.

    It grows to an hour, and is never shorter than the first: nobody mends a tenant within seconds at night, and
    hundreds of sign-ins that fail are what gets an account blocked.
    """
    return min(first_s * 2.0 ** min(count, 30), max(first_s, _RECHECK_MAX_S))


def expired(age_s: float, *, expire_after_s: float) -> bool:
    """Whether a message of this age is given up (and its sender told).

    A negative age, left by a clock that was set back, never expires mail.
    """
    return age_s >= 0 and age_s >= expire_after_s
