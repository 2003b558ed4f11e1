"""Devices that wait to hear what became of their message (`answer: delivered`).

The message is in the spool before anybody waits: whatever the wait comes to, delivery goes on by itself, and nothing is
sent a second time because a device gave up. Only what Exchange refused for good is passed back; all else is 250.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from relay.message.reply import Reply
from relay.spool.store import State

if TYPE_CHECKING:
    from relay.spool.store import Settlement

_KNOWN_CODES = frozenset({550, 551, 552, 553, 554})
_ANSWER = re.compile(r"(\d{3})[ -](?:(5\.\d{1,3}\.\d{1,3})\s+)?")
_LONGEST = 400  # octets of a reply line: RFC 5321 §4.5.3.1.5 allows 512


class Patience:
    """Who waits; shared by all sessions."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[Settlement]] = set()
        self._over = False

    def release(self) -> None:
        """The relay stops: nobody waits any more, what is stored is answered with 250."""
        self._over = True
        for outcome in self._waiting:
            outcome.cancel()

    async def settled(self, outcome: asyncio.Future[Settlement], within_s: float) -> Settlement | None:
        """What the first attempt came to; None when it takes longer than that."""
        self._waiting.add(outcome)
        try:
            if not self._over:
                await asyncio.wait({outcome}, timeout=within_s)
            return outcome.result() if outcome.done() and not outcome.cancelled() else None
        finally:
            self._waiting.discard(outcome)
            outcome.cancel()


def answer_to(message_id: str, settlement: Settlement | None) -> Reply:
    """What the device hears of its message."""
    if settlement is None or settlement.state not in (State.DELIVERED, State.FAILED):
        return Reply(250, "2.0.0", f"Ok: queued as {message_id}")
    if settlement.state is State.DELIVERED:
        return Reply(250, "2.0.0", f"Ok: delivered, queued as {message_id}")
    arrived = sum(result.state == State.DELIVERED for result in settlement.recipients)
    if arrived:  # the device would send again to those who have it
        text = f"Ok: queued as {message_id}; {arrived} of {len(settlement.recipients)} recipients accepted"
        return Reply(250, "2.0.0", text)
    return _refusal(settlement)


def _refusal(settlement: Settlement) -> Reply:
    """What it means first, because a panel shows the beginning; then Exchange's own words."""
    found = _ANSWER.match(settlement.answer)
    code = int(found[1]) if found and int(found[1]) in _KNOWN_CODES else 550
    enhanced = (found[2] if found else None) or "5.0.0"
    words = " ".join(part for part in (settlement.meaning, f"({settlement.answer})") if part)
    text = "".join(sign if " " <= sign <= "~" else "?" for sign in " ".join(words.split()))
    return Reply(code, enhanced, text[:_LONGEST])
