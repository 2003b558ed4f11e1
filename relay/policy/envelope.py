"""How many recipients one submission takes: a message with more leaves in several, each under the same Message-ID."""

from __future__ import annotations

TOO_MANY = "smtp.too-many-recipients"


def share_of(pending: int, *limits: int | None) -> int:
    """How many of the pending recipients go along; a limit of 0 or None is none."""
    return min((pending, *(limit for limit in limits if limit)))


def smaller(claimed: int, accepted: int) -> int:
    """The most recipients of the next envelope after "too many": as many as were accepted, else half."""
    return accepted or max(1, claimed // 2)
