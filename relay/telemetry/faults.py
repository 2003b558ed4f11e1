"""Named fault points: where a test may make the process die or a call fail. In service they do nothing.

`RELAY_FAULT=point:action[:n]` arms one point for the process: `kill` (SIGKILL to ourselves, as a power cut would),
`hang` (the thread goes no further, as with a disk that does not answer), or the name of an errno (`ENOSPC`, `EIO`),
raised as `OSError`. `n` is the hit that strikes (default 1); an errno goes
on striking from then on. The crash tests walk through `POINTS`.
"""

from __future__ import annotations

import errno
import os
import signal
import threading

POINTS = (
    "spool.body-written",
    "spool.body-synced",
    "spool.body-renamed",
    "spool.accept-before-commit",
    "spool.accept-committed",
    "smtpd.before-250",
    "spool.claim-before-commit",
    "spool.claim-committed",
    "transport.before-body",
    "transport.after-body",
    "delivery.answered",
    "spool.settle-before-commit",
    "spool.settle-committed",
    "spool.body-removed",
    "spool.notice-before-commit",
    "spool.notice-committed",
    "spool.order-before-commit",
    "spool.order-committed",
)


class _Armed:
    """The one armed point of this process, read from the environment once."""

    def __init__(self, text: str) -> None:
        point, _, rest = text.partition(":")
        action, _, count = rest.partition(":")
        self.point = point
        self.action = action or "kill"
        self.left = int(count or 1)

    def strike(self) -> None:
        self.left -= 1
        if self.left > 0:
            return
        if self.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.action == "hang":
            threading.Event().wait()
        code = getattr(errno, self.action)
        raise OSError(code, f"{os.strerror(code)} (fault point {self.point})")


_armed = _Armed(os.environ["RELAY_FAULT"]) if os.environ.get("RELAY_FAULT") else None


def fault(point: str) -> None:
    """Marks a place where a test may strike; raises `OSError` only when armed with an errno."""
    if _armed is not None and _armed.point == point:
        _armed.strike()
