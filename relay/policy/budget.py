"""The recipients of a mailbox's day: a rolling window of 24 hours, counted in stretches of ten minutes.

A stretch counts until its end is 24 hours old, so that the count is never below the truth: Exchange allows 10 000
recipients within any 24 hours (Microsoft SupportArticles, smtp-submission-improvements).
"""

from __future__ import annotations

BUCKET_MS = 600_000
_DAY_MS = 86_400_000


def bucket_of(now: int) -> int:
    """When the stretch of this moment began (epoch milliseconds)."""
    return now - now % BUCKET_MS


def counts_until(bucket: int) -> int:
    """When what was spent in a stretch comes back."""
    return bucket + BUCKET_MS + _DAY_MS


def window_from(now: int) -> int:
    """Stretches that began later than this count."""
    return now - BUCKET_MS - _DAY_MS


def left(limit: int, spent: int) -> int | None:
    """How many recipients the mailbox may still have; None when nobody counts (limit 0)."""
    return max(0, limit - spent) if limit else None
