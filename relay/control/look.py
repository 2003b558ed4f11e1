"""A look at the spool for those who show it: by a connection that only reads, in a thread, within a time, not often.

A spool that is locked, slow or broken costs the answer its figures, never the loop its time: while one look hangs
nobody starts another.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from relay.spool.browse import Browser
from relay.spool.store import SpoolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from relay.spool.mailboxes import MailboxRow
    from relay.spool.shape import Shape
    from relay.spool.store import Pause
    from relay.spool.volumes import Volume

T = TypeVar("T")
_FRESH_S = 2.0
_DEVICES_FRESH_S = 5.0
_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What the spool holds. `trouble` says why it could not be read; the rest is empty then."""

    shapes: tuple[Shape, ...] = ()
    pauses: Mapping[str, Pause] = field(default_factory=dict)
    mailboxes: Mapping[str, MailboxRow] = field(default_factory=dict)
    trouble: str = ""

    @property
    def waiting(self) -> int:
        """Messages that will leave by themselves."""
        return sum(one.count for one in self.shapes if one.state in ("queued", "uncertain", "leased"))


def look(directory: Path) -> Seen:
    """One look, now. Never raises; blocks for as long as the disk does."""
    browser = Browser(directory)
    try:
        return Seen(browser.shape(), browser.pauses(), {row.name: row for row in browser.mailboxes()})
    except SpoolError as error:
        return Seen(trouble=str(error))


@dataclass(frozen=True, slots=True)
class Volumes:
    """How much each device handed in, by its name."""

    devices: Mapping[str, Volume] = field(default_factory=dict)
    trouble: str = ""


def look_at_devices(directory: Path) -> Volumes:
    """One look, now. Never raises; blocks for as long as the disk does."""
    try:
        return Volumes(Browser(directory).volumes())
    except SpoolError as error:
        return Volumes(trouble=str(error))


class Glance(Generic[T]):
    """Looks of a running relay: one at a time, and one for all who ask within a short time."""

    def __init__(self, look: Callable[[], T], late: Callable[[str], T], fresh_s: float, within_s: float) -> None:
        """`late` makes the answer, of the trouble in words, where the disk does not give one in time."""
        self._look = look
        self._late = late
        self._fresh_s = fresh_s
        self._within_s = within_s
        self._looking: asyncio.Task[T] | None = None
        self._seen: T = late("nobody has looked yet")
        self._seen_at = float("-inf")

    async def look(self) -> T:
        """What the spool holds, as of a moment ago."""
        if time.monotonic() - self._seen_at < self._fresh_s:
            return self._seen
        if self._looking is None or self._looking.done():
            work = asyncio.to_thread(self._look)
            self._looking = asyncio.get_running_loop().create_task(work, name="look at the spool")
        try:
            async with asyncio.timeout(self._within_s):
                self._seen = await asyncio.shield(self._looking)
        except TimeoutError:
            return self._late(f"the spool did not answer within {self._within_s:g} s")
        self._seen_at = time.monotonic()
        return self._seen


class Look(Glance[Seen]):
    """Of the queue, as of the last two seconds."""

    def __init__(self, directory: Path, within_s: float = _WITHIN_S) -> None:
        super().__init__(lambda: look(directory), lambda trouble: Seen(trouble=trouble), _FRESH_S, within_s)


class DeviceLook(Glance[Volumes]):
    """Of what devices handed in, as of the last five seconds: it costs more, and is asked less."""

    def __init__(self, directory: Path, within_s: float = _WITHIN_S) -> None:
        super().__init__(
            lambda: look_at_devices(directory), lambda trouble: Volumes(trouble=trouble), _DEVICES_FRESH_S, within_s
        )
