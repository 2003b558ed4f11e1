"""Keeps the token of one app: one question to Entra for all who wait, refreshed ahead, good until it really ends.

Entra's bad hours must not stop mail while a token is still valid: a failed refresh hands out the old one, and asks
again only after a pause. Where Entra names a time (Retry-After) it is not asked before, token or not. The question runs
in a thread of its own (MSAL blocks), which neither starves the pool that reads the spool nor holds up the end of the
process.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Protocol

from relay.tokens.source import Token, TokenError

if TYPE_CHECKING:
    from collections.abc import Callable

DEADLINE_S = 30.0
PAUSE_S = 30.0
LONGEST_PAUSE_S = 3600.0


class Issuer(Protocol):
    """What gives new tokens, blocking: `relay.tokens.entra.Entra`."""

    def acquire(self) -> Token: ...

    def forget(self) -> None: ...


class Keeper:
    """The `TokenSource` of one app. Belongs to one event loop."""

    def __init__(
        self,
        issuer: Issuer,
        *,
        grace_s: float,
        deadline_s: float = DEADLINE_S,
        clock: Callable[[], float] = time.time,
        on_fetched: Callable[[float, float], None] | None = None,
        on_kept: Callable[[TokenError, float], None] | None = None,
    ) -> None:
        """`on_fetched(ms, expires_in_s)` is called in the loop after each answer with a token, `on_kept(error,
        left_s)` after each that had none while the last token still serves.
        """
        self._issuer = issuer
        self._grace_s = grace_s
        self._deadline_s = deadline_s
        self._clock = clock
        self._on_fetched = on_fetched or (lambda _ms, _expires_in: None)
        self._on_kept = on_kept or (lambda _error, _left: None)
        self._last: Token | None = None
        self._ask_again_at = 0.0
        self._told_to_wait: TokenError | None = None
        self._flight: asyncio.Task[Token] | None = None

    async def token(self) -> Token:
        """A token valid for the grace time; if Entra gives none, the last one while it lives. Raises `TokenError`."""
        kept = self._kept(self._grace_s)
        if kept is None and self._clock() < self._ask_again_at:
            kept = self._kept(0)
            if kept is None and self._told_to_wait is not None:
                raise self._told_to_wait
        return kept or await self._fresh()

    def refused(self, token: Token) -> None:
        """Drops the token, unless it has been replaced meanwhile."""
        if self._last is not None and self._last.value == token.value:
            self._last = None
            self._issuer.forget()

    def _kept(self, at_least_s: float) -> Token | None:
        if self._last is not None and self._last.expires_at - self._clock() > at_least_s:
            return self._last
        return None

    async def _fresh(self) -> Token:
        if self._flight is None:
            self._flight = asyncio.create_task(self._fetch(), name="token")
            self._flight.add_done_callback(self._landed)
        try:
            return await asyncio.shield(self._flight)  # a waiter that gives up leaves the others their answer
        except TokenError:
            kept = self._kept(0)
            if kept is None:
                raise
            return kept

    def _landed(self, flight: asyncio.Task[Token]) -> None:
        self._flight = None
        if not flight.cancelled():
            flight.exception()  # seen, even when every waiter has gone

    async def _fetch(self) -> Token:
        started = time.monotonic()
        try:
            token = await self._asked()
        except TokenError as exc:
            self._pause(exc)
            raise
        self._last, self._ask_again_at, self._told_to_wait = token, 0.0, None
        self._on_fetched((time.monotonic() - started) * 1000, token.expires_at - self._clock())
        return token

    async def _asked(self) -> Token:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await _in_own_thread(self._issuer.acquire)
        except TimeoutError:
            raise TokenError("timeout", f"Entra gave no token within {self._deadline_s:g} s") from None

    def _pause(self, exc: TokenError) -> None:
        """Without a token to serve meanwhile, only what Entra asked for keeps us from asking again."""
        wait_s = min(exc.retry_after or PAUSE_S, LONGEST_PAUSE_S)
        self._ask_again_at = self._clock() + wait_s
        self._told_to_wait = exc if exc.retry_after else None
        if kept := self._kept(0):
            self._on_kept(exc, kept.expires_at - self._clock())


async def _in_own_thread(call: Callable[[], Token]) -> Token:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Token] = loop.create_future()

    def settle(token: Token | None, exc: Exception | None) -> None:
        if answer.done():
            return
        if token is not None:
            answer.set_result(token)
        else:
            answer.set_exception(exc or TokenError("bad_answer", "no token and no error"))

    def run() -> None:
        token, error = _outcome(call)
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits any more
            loop.call_soon_threadsafe(settle, token, error)

    threading.Thread(target=run, name="entra", daemon=True).start()
    return await answer


def _outcome(call: Callable[[], Token]) -> tuple[Token | None, Exception | None]:
    try:
        return call(), None
    except TokenError as exc:
        return None, exc
    except Exception as exc:  # noqa: BLE001  (a thread must answer, whatever happened)
        return None, TokenError("bad_answer", f"{type(exc).__name__}: {exc}")
