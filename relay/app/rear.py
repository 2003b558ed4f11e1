"""What no device waits for: delivery, sign-ins, orders, alerts, faces. Imported once devices are greeted.

Owned by the switchboard. What was stored before delivery starts is found in the spool; what the journal told before is
heard then.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from relay import __version__
from relay.control.alerts import Alerts
from relay.control.door import Door
from relay.control.end_watch import EndWatch
from relay.control.orders import OrderDesk
from relay.control.running import Hands
from relay.control.symptoms import Symptoms
from relay.delivery.scheduler import Scheduler
from relay.upstream.keepalive import KeepAlive
from relay.upstream.news import TokenNews
from relay.upstream.sources import Sources
from relay.upstream.transports import Transports
from relay.upstream.ways import way_of
from relay.web.faces import Faces

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from relay.config.settings import Settings
    from relay.delivery.plan import Way
    from relay.smtpd.desk import House


class Rear:
    """All of it, for one running relay."""

    def __init__(
        self,
        house: House,
        settings: Callable[[], Settings],
        config: Path,
        reload: Callable[[str, str], Awaitable[tuple[str, ...]]],
    ) -> None:
        """`settings` gives those in force, read from the file `config`; `reload` reads it again."""
        self._house = house
        self._settings = settings
        journal = self._journal = house.journal
        sources = Sources(TokenNews(journal))
        self._transports = Transports(sources, house.hostname)
        self._keep_alive = KeepAlive(settings, sources, journal)
        self._ends = EndWatch(Sources(), journal)  # its tokens for Graph are no news
        self._scheduler = Scheduler(house.store, journal)
        self._orders = OrderDesk(house.store, journal, self._look_again)
        self._hands = Hands(config, journal, self._orders, reload)
        self._alerts = Alerts(settings, journal, Symptoms(house.store, lambda: self._ends.ends, house.hostname))
        self._faces = Faces(journal)
        self._door = Door()

    async def start(self, settings: Settings) -> None:
        """Mail leaves, orders are taken. Raises `SpoolError`."""
        await self._scheduler.start(settings, self._ways(settings))
        await self._open_door(settings.data_dir)
        self._ends.start(self._settings)

    async def open(self, listening: list[str]) -> None:
        """The relay is up: it shows itself."""
        self._keep_alive.start()
        self._faces.open(self._settings, self._house, self._ends, self._hands, listening)
        await self._alerts.start("The relay has started", f"Version {__version__}, on {', '.join(listening)}.")

    def mail_came(self, profile: str) -> None:
        """A message of that profile was stored."""
        self._scheduler.mail(profile)

    async def plan(self, settings: Settings) -> None:
        """Delivery by another configuration. Raises `SpoolError`: then nothing has changed."""
        await self._scheduler.plan(settings, self._ways(settings))

    def take_up(self, settings: Settings) -> None:
        """Another configuration is in force."""
        self._ends.look_again()
        self._faces.reload(settings)
        self._alerts.look_again()

    async def stop(self, deadline_s: float) -> int:
        """Finishes attempts in hand; returns how many were cut."""
        await self._door.close()
        await self._keep_alive.stop()
        await self._ends.stop()
        late, _ = await asyncio.gather(self._scheduler.stop(deadline_s), self._alerts.stop("The relay stops"))
        return late

    async def close(self) -> None:
        """The last to go: until now /readyz has said that the relay stops."""
        await self._faces.close()

    async def _open_door(self, directory: Path) -> None:
        """The relay does without its control socket, should the file system have none."""
        self._orders.serve(self._door)
        self._door.add("status", self._faces.status)
        self._door.add("activity", self._faces.activity)
        try:
            await self._door.open(directory)
        except OSError as error:
            self._journal.service(
                "control.unavailable", level="error", reason=f"{directory}: {error}",
                remedy="mail goes on; `relay queue` can't give orders: put data_dir on a local file system",
            )  # fmt: skip

    def _look_again(self, profiles: list[str], again: bool) -> None:
        if again:
            self._scheduler.look_again(profiles)
        for profile in profiles:
            self._scheduler.mail(profile)

    def _ways(self, settings: Settings) -> dict[str, Way]:
        return {name: way_of(settings, name, self._transports) for name in settings.profiles}
