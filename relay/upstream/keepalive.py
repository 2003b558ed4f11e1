"""Keeps the sign-ins of delegated profiles alive while no mail flows, and says long before when one will be lost.

A refresh token ends after 90 days without use. Each is used once it has rested for three days, so at least weekly; when
that fails for long, each day's journal says how many days are left.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from relay.config.settings import SignIn
from relay.policy.verdicts import Class, judge_token
from relay.tokens.source import TokenError
from relay.tokens.vault import NotKeptError, VaultError
from relay.upstream.facts import facts_of
from relay.upstream.people import kinds_of, place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.config.settings import Settings
    from relay.telemetry.journal import Journal
    from relay.tokens.vault import Kept
    from relay.upstream.sources import Sources

DAY_S = 86_400.0
ROUND_S = 6 * 3600.0
REST_S = 3 * DAY_S
WARN_AFTER_S = 14 * DAY_S
LIFE_S = 90 * DAY_S
_SAY_AGAIN_S = DAY_S - 60


class KeepAlive:
    """One task of the running relay. `settings` gives what is in force now."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        sources: Sources,
        journal: Journal,
        *,
        round_s: float = ROUND_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._sources = sources
        self._journal = journal
        self._round_s = round_s
        self._clock = clock
        self._said: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins; the first look is taken at once, so that a missing sign-in is told before mail waits for it."""
        self._task = asyncio.get_running_loop().create_task(self._go_on(), name="keep sign-ins alive")

    async def stop(self) -> None:
        """Ends; a question under way is left to itself."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def look(self) -> None:
        """Looks at every sign-in once, and uses those that have rested."""
        settings = self._settings()
        delegated = [name for name, profile in settings.profiles.items() if profile.sign_in is SignIn.DELEGATED]
        by_place = {place_of(settings, name).path: name for name in delegated}  # profiles may share one
        for name in by_place.values():
            await self._look_at(settings, name)

    async def _go_on(self) -> None:
        while True:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001  (nobody would notice that the task has ended)
                self._journal.service(
                    "relay.mistake", level="error", reason=f"keeping sign-ins alive: {error!r}",
                    remedy="mail goes on, and the relay looks again; report it with this line",
                )  # fmt: skip
            await asyncio.sleep(self._round_s)

    async def _look_at(self, settings: Settings, name: str) -> None:
        try:
            kept = await asyncio.to_thread(place_of(settings, name).read)
        except VaultError as error:
            word = "not_authorized" if isinstance(error, NotKeptError) else "token_store"
            self._tell(settings, name, TokenError(word, str(error)), None)
            return
        if self._clock() - kept.refreshed_at >= REST_S:
            await self._use(settings, name, kept)

    async def _use(self, settings: Settings, name: str, kept: Kept) -> None:
        try:
            for kind in kinds_of(settings.profiles[name])[:1]:
                await self._sources.of(settings, name, kind).token()
        except TokenError as error:
            self._tell(settings, name, error, kept)

    def _tell(self, settings: Settings, name: str, error: TokenError, kept: Kept | None) -> None:
        """Once a day: at once what only a person can mend, after two weeks what Entra or the network should have."""
        facts = facts_of(settings, name)
        verdict = judge_token(error.error, error.description, error.codes, error.status, facts)
        age_s = self._clock() - kept.refreshed_at if kept else 0.0
        mends_itself = verdict.cls in (Class.TRANSIENT, Class.THROTTLE)
        if mends_itself and age_s < WARN_AFTER_S:
            return
        if self._clock() - self._said.get(name, 0.0) < _SAY_AGAIN_S:
            return
        self._said[name] = self._clock()
        self._journal.service(
            "signin.failing", level="warning" if mends_itself else "error",
            profile=name, meaning=verdict.meaning, remedy=verdict.remedy, answer=str(error),
            days_left=max(0, round((LIFE_S - age_s) / DAY_S)) if kept else None,
        )  # fmt: skip
