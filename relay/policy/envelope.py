"""How many recipients one submission takes: a message with more leaves in several, each under the same Message-ID."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TOO_MANY = "smtp.too-many-recipients"


def share_of(pending: Sequence[str], attempt: int, *limits: int | None) -> Sequence[str]:
    """Those of the pending recipients that go along; a limit of 0 or None is none.

    Each attempt (the first is 1) goes on where the one before ended: recipients who are put off each time keep no
    others from having their turn.
    """
    most = min((len(pending), *(limit for limit in limits if limit)))
    start = (attempt - 1) * most % len(pending)
    return (*pending[start:], *pending[:start])[:most]


def smaller(claimed: int, accepted: int) -> int:
    """The most recipients of the next envelope after "too many": as many as were accepted, else half."""
    return accepted or max(1, claimed // 2)
