"""Before and after a password is looked at: who is blocked, and how long a wrong one waits for its answer.

The waiting is done in the task of the session that failed, nobody else's. Only so many may wait at a time; whoever
comes when all places are taken is answered at once and sent away, so that guessing holds no memory.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from relay.message.reply import Reply
from relay.policy.bruteforce import BruteForce, Patience
from relay.smtpd.login import INVALID, AuthRefused

if TYPE_CHECKING:
    from relay.config.settings import Intake as Limits

_MOST_WAITING = 64


class LoginGuard:
    """One for all listeners."""

    def __init__(self) -> None:
        self._memory = BruteForce()
        self._waiting = 0
        self._released = asyncio.Event()

    def release(self) -> None:
        """The relay stops: nobody waits any more."""
        self._released.set()

    def check(self, client: str, username: str) -> None:
        """Raises `AuthRefused` with a 421 when this address, with this name, is blocked."""
        left_s = self._memory.blocked_s(client, username, _now())
        if left_s:
            reason = f"too many wrong passwords from {client}, the last for user name {username!r}"
            raise AuthRefused(_blocked(left_s), reason)

    def succeeded(self, client: str, username: str) -> None:
        """A right password."""
        self._memory.succeeded(client, username)

    async def answer(self, client: str, username: str, refused: AuthRefused, limits: Limits) -> Reply:
        """The answer to a login that failed, when it is time for it. Only wrong passwords and names count."""
        if refused.reply.code != INVALID.code:
            return refused.reply
        patience = Patience(limits.max_login_failures, limits.login_block_s)
        delay_s = self._memory.failed(client, username, _now(), patience)
        if delay_s and self._waiting >= _MOST_WAITING:
            return _blocked(delay_s)
        self._waiting += 1
        try:
            async with asyncio.timeout(delay_s):
                await self._released.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting -= 1
        return refused.reply


def _now() -> float:
    return asyncio.get_running_loop().time()


def _blocked(seconds: float) -> Reply:
    """For how long, in words a panel can show."""
    span = f"{seconds / 60:.0f} minutes" if seconds > 90 else f"{seconds + 1:.0f} seconds"
    return Reply(421, "4.7.0", f"Too many wrong passwords, log in again in {span}")
