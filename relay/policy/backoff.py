"""When a deferred message is tried again, and when it has waited long enough."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_RECHECK_MAX_S = 3600.0
_JITTER = 0.2  # enough that mail deferred by one outage does not come back in one moment


def delay_s(age_s: float, *, schedule: Sequence[float], chance: float) -> float:
    """Seconds until a message of this age is tried again, within ±20 % of the schedule's step.

    The schedule is walked by age: after 30 and 60 of (30, 60, 120) seconds the third step has come, however many
    attempts an operator, a probe or a split envelope has added. The last step repeats for ever. `chance` is a random
    number in [0, 1) that the caller draws, so that this stays a function. Raises `ValueError` for an empty schedule or
    a chance outside its range.
    """
    return _spread(schedule, _steps_behind(age_s, schedule), chance)


def rest_s(failures: int, *, schedule: Sequence[float], chance: float) -> float:
    """Seconds that a mailbox rests after so many failures in a row (the first is 1), by the steps of the schedule."""
    if failures < 1:
        raise ValueError(f"failures count from 1, not {failures}")
    return _spread(schedule, failures - 1, chance)


def _steps_behind(age_s: float, schedule: Sequence[float]) -> int:
    """How many steps of the schedule a message of this age has waited, each perhaps the jitter too short."""
    ends = accumulate(schedule)
    return sum(1 for end in ends if age_s >= end * (1 - _JITTER))


def _spread(schedule: Sequence[float], step: int, chance: float) -> float:
    if not schedule:
        raise ValueError("the retry schedule is empty: give at least one step in delivery.retry_s")
    if not 0 <= chance < 1:
        raise ValueError(f"chance is a random number in [0, 1), not {chance}")
    return schedule[min(step, len(schedule) - 1)] * (1 - _JITTER + 2 * _JITTER * chance)


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
