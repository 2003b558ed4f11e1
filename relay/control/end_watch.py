"""Looks once a day at when the apps' credentials end, and warns in the journal: once for each threshold.

Owned by the switchboard: `start` at the start, `look_again` after a reload, `stop` at the end. A look never fails the
relay: what cannot be read is left out, as `relay.upstream.enddates` says.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from relay.config.clouds import HOSTS
from relay.policy.enddates import due, in_words, last_day, remedy
from relay.upstream.enddates import configured, registered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from relay.config.settings import Settings
    from relay.policy.enddates import Due
    from relay.telemetry.journal import Journal
    from relay.upstream.enddates import EndDate
    from relay.upstream.sources import Sources

DAY_S = 86_400.0
_TRUST = ("certificate", "graph", "configuration")


async def end_dates(settings: Settings, sources: Sources, apps: Iterable[str]) -> list[EndDate]:
    """The end of each credential these apps use, the soonest first: from files, the configuration, Graph where it may.

    Who is told by several is told by the certificate itself, then by Graph, then by what somebody wrote down. What else
    the registration has (old secrets, as a rule) is nobody's concern here.
    """
    apps = frozenset(apps)
    found = [end for end in await asyncio.to_thread(configured, settings) if end.app in apps]
    for app in filter(lambda name: _graph_may_know(settings, name), apps):
        found += await registered(settings, app, sources)
    best: dict[tuple[str, str], EndDate] = {}
    for end in sorted(found, key=lambda each: _TRUST.index(each.source), reverse=True):
        if end.credential:
            best[end.app, end.credential] = end
    return sorted(best.values(), key=lambda each: each.ends)


def _graph_may_know(settings: Settings, app_name: str) -> bool:
    """A certificate tells its end itself; and where sign-in is not at the cloud's own address, Graph isn't either."""
    app = settings.apps[app_name]
    has_secret = any(each is not None and each.secret is not None for each in (app.credential, app.next_credential))
    named = any(profile.graph.url for profile in settings.profiles.values() if profile.app == app_name)
    return has_secret and (named or urlsplit(app.authority_url).hostname == HOSTS[app.cloud].login)


def what_to_do(settings: Settings, end: EndDate) -> str:
    """The remedy for one end, with the names of its app."""
    app = settings.apps[end.app]
    return remedy(app=end.app, client_id=app.client_id, kind=end.kind, next_is_free=app.next_credential is None)


class EndWatch:
    """The daily look. Belongs to one event loop."""

    def __init__(
        self,
        sources: Sources,
        journal: Journal,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        every_s: float = DAY_S,
    ) -> None:
        self._sources = sources
        self._journal = journal
        self._clock = clock
        self._every_s = every_s
        self._warned: set[tuple[EndDate, int]] = set()
        self._task: asyncio.Task[None] | None = None
        self._again = asyncio.Event()
        self.ends: list[EndDate] = []

    def start(self, settings: Callable[[], Settings]) -> None:
        """Looks now, and then daily; `settings` gives those in force."""
        self._task = asyncio.get_running_loop().create_task(self._watch(settings), name="credential ends")

    def look_again(self) -> None:
        """Another configuration is in force."""
        self._again.set()

    async def stop(self) -> None:
        """Ends the watch. May be called before `start`."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def look(self, settings: Settings) -> None:
        """One look: `ends` is new, and whoever is due is warned of."""
        self.ends = await end_dates(settings, self._sources, settings.apps)
        for each in due(self.ends, self._clock(), self._warned):
            self._warned.add((each.ending, each.threshold))
            self._warn(settings, each)

    async def _watch(self, settings: Callable[[], Settings]) -> None:
        while True:
            self._again.clear()
            try:
                await self.look(settings())
            except Exception as error:  # noqa: BLE001  (mail goes on whatever a file of certificates does)
                self._journal.service("credential.unknown", level="warning", reason=f"{type(error).__name__}: {error}")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._again.wait()

    def _warn(self, settings: Settings, each: Due[EndDate]) -> None:
        end = each.ending
        self._journal.credential_expiring(
            app=end.app, credential=end.credential, kind=end.kind, name=end.name, ends=last_day(end.ends),
            days_left=each.days_left, meaning=f"the {end.kind} {in_words(each.days_left)}",
            remedy=what_to_do(settings, end),
        )  # fmt: skip
