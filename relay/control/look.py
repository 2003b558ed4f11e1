"""A look at the spool for those who show it: by a connection that only reads, in a thread, within a time, not often.

A spool that is locked, slow or broken costs the answer its figures, never the loop its time: while one look hangs
nobody starts another.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relay.spool.browse import Browser
from relay.spool.store import SpoolError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from relay.spool.mailboxes import MailboxRow
    from relay.spool.shape import Shape
    from relay.spool.store import Pause

_FRESH_S = 2.0
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


class Look:
    """Looks of a running relay: one at a time, and one for all who ask within two seconds."""

    def __init__(self, directory: Path, within_s: float = _WITHIN_S) -> None:
        self._directory = directory
        self._within_s = within_s
        self._looking: asyncio.Task[Seen] | None = None
        self._seen = Seen()
        self._seen_at = float("-inf")

    async def look(self) -> Seen:
        """What the spool holds, as of the last two seconds."""
        if time.monotonic() - self._seen_at < _FRESH_S:
            return self._seen
        if self._looking is None or self._looking.done():
            work = asyncio.to_thread(look, self._directory)
            self._looking = asyncio.get_running_loop().create_task(work, name="look at the spool")
        try:
            async with asyncio.timeout(self._within_s):
                self._seen = await asyncio.shield(self._looking)
        except TimeoutError:
            return Seen(trouble=f"the spool did not answer within {self._within_s:g} s")
        self._seen_at = time.monotonic()
        return self._seen
