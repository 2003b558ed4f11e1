"""Looks whether the system's clock was set, once a second."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from relay.spool.store import SpoolError
from relay.telemetry.clock import jumped_ms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_LOOK_S = 1.0
_LEAST_MS = 2000  # less is left to add up: NTP slews a clock all the time


async def watch_clock(moved: Callable[[int], Awaitable[None]]) -> None:
    """Calls `moved(by_ms)` for each jump, until it is cancelled; what raises `SpoolError` is called again."""
    while True:
        await asyncio.sleep(_LOOK_S)
        by_ms = jumped_ms()
        if abs(by_ms) >= _LEAST_MS:
            with contextlib.suppress(SpoolError):
                await moved(by_ms)
