"""Tells systemd that the relay lives, and how it is in one line.

WATCHDOG=1 is sent only while the loop runs and the thread that writes the spool answers: a disk or a loop that hangs
ends in a restart by systemd, and nothing accepted is lost by that.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from relay.telemetry.notify import notify, watchdog_s

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from relay.control.look import Seen
    from relay.control.running import Control

_STATUS_S = 10.0


class Pulse:
    """Two tasks of the running relay, where there is a service manager."""

    def __init__(self, control: Control, status_every_s: float = _STATUS_S) -> None:
        self._control = control
        self._status_every_s = status_every_s
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins, if somebody listens."""
        every_s = watchdog_s()
        if every_s:
            self._go(beat(self._control.not_alive, every_s / 2), "watchdog")
        if os.environ.get("NOTIFY_SOCKET"):
            self._go(self._tell(), "status line")

    async def stop(self) -> None:
        """Ends both."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)  # one that failed must not keep the spool open

    def _go(self, work: Coroutine[None, None, None], name: str) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work, name=name))

    async def _tell(self) -> None:
        told = ""
        while True:
            line = in_words(self._control.listening, await self._control.look())
            if line != told:
                notify(f"STATUS={line}")
                told = line
            await asyncio.sleep(self._status_every_s)


async def beat(not_alive: Callable[[float], Awaitable[str]], every_s: float) -> None:
    """One beat each time it is alive; a look that hangs gives none, and the next is taken at once."""
    while True:
        reason = await not_alive(every_s)
        if not reason:
            notify("WATCHDOG=1")
            await asyncio.sleep(every_s)


def in_words(listening: tuple[str, ...], seen: Seen) -> str:
    """The line that `systemctl status` shows."""
    held = sum(one.count for one in seen.shapes if one.state in ("held", "corrupt"))
    parts = [f"listening on {', '.join(listening)}"]
    if seen.trouble:
        return "; ".join([*parts, seen.trouble])
    parts.append(f"{seen.waiting} queued")
    if held:
        parts.append(f"{held} held")
    if seen.pauses:
        parts.append(f"{len(seen.pauses)} {'profile' if len(seen.pauses) == 1 else 'profiles'} paused")
    return "; ".join(parts)
