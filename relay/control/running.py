"""What may be asked of a running relay: is it alive, does it take mail, how is it? Web and socket are faces of it.

Nothing here waits for longer than a few seconds, and nothing here changes anything.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from relay import __version__
from relay.config.settings import TlsFloor
from relay.control.aside import Turns
from relay.control.look import DeviceLook, Look
from relay.smtpd.desk import House
from relay.spool.store import SpoolError

__all__ = ["Control", "Ears", "Hands", "House"]

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from relay.config.settings import Settings
    from relay.control.activity import Minutes
    from relay.control.device_log import DeviceLog
    from relay.control.end_watch import EndWatch
    from relay.control.lately import Lately
    from relay.control.look import Seen, Volumes
    from relay.control.orders import OrderDesk
    from relay.control.sign_ins import Landed, SignIns
    from relay.control.status import Status
    from relay.control.trials import Trials
    from relay.policy.room import Room
    from relay.smtpd.strangers import Stranger
    from relay.telemetry.journal import Journal
    from relay.telemetry.metrics import Metrics
    from relay.upstream.enddates import EndDate

ALIVE_S = 5.0
_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Hands:
    """What may be done to the running relay, beside looking. `reload(who, digest)` takes up that file and answers
    with complaints; none: it is in force.
    """

    config: Path
    journal: Journal
    orders: OrderDesk
    reload: Callable[[str, str], Awaitable[tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Ears:
    """What listens to the journal."""

    lately: Lately
    metrics: Metrics
    minutes: Minutes
    devices: DeviceLog


class Control:
    """The facade of one running relay. Belongs to its event loop."""

    def __init__(
        self, settings: Callable[[], Settings], house: House, ends: EndWatch, ears: Ears, hands: Hands
    ) -> None:
        self._settings = settings
        self.house = house
        self._ends = ends
        self._look = Look(house.store.directory)
        self._look_at_devices = DeviceLook(house.store.directory)
        self.lately = ears.lately
        self.metrics = ears.metrics
        self.minutes = ears.minutes
        self.devices = ears.devices
        self.hands = hands
        self.turns = Turns(_AT_ONCE)  # for what a page has to read or work out
        self.started_with = settings()
        self.started = time.time()
        self.listening: tuple[str, ...] = ()

    @property
    def settings(self) -> Settings:
        """Those in force."""
        return self._settings()

    @cached_property
    def trials(self) -> Trials:
        """Tests of settings; made when the first is asked for."""
        from relay.control.trials import Trials

        return Trials(self.hands.journal)

    @cached_property
    def sign_ins(self) -> SignIns:
        """Sign-ins for delegated profiles; made when the first is asked for."""
        from relay.control.sign_ins import SignIns

        return SignIns(self._settings, self.hands.journal, self.hands.orders.look_again)

    async def returned(self, answer: Mapping[str, str]) -> Landed | None:
        """A browser came back from a sign-in with this; None when nobody waits for it."""
        return await self.sign_ins.returned(answer) if "sign_ins" in self.__dict__ else None

    async def close(self) -> None:
        """The relay stops: what was begun here is given up."""
        begun = [self.__dict__[name] for name in ("trials", "sign_ins") if name in self.__dict__]
        await asyncio.gather(*(each.stop() for each in begun))

    @property
    def strangers(self) -> Sequence[Stranger]:
        """Sources that were refused because nobody knows them, the one seen last comes first."""
        return self.house.strangers.all()[::-1]

    @property
    def ends(self) -> Sequence[EndDate]:
        """When the credentials of the apps end, as of the last look."""
        return self._ends.ends

    @property
    def sessions(self) -> int:
        """Devices connected now."""
        return self.house.sessions

    def certificate(self) -> ssl.SSLContext:
        """TLS with the relay's own certificate, as it is in force now."""
        return self.house.rules.tls[TlsFloor.MODERN]

    def room(self) -> Room:
        """How full disk and spool are."""
        return self.house.store.room()

    async def not_alive(self, within_s: float = ALIVE_S) -> str:
        """Why the process should be started anew; empty when it is well. That the loop runs shows by the answer."""
        try:
            async with asyncio.timeout(within_s):
                await self.house.store.pulse()
        except TimeoutError:
            return f"the thread that writes the spool has not answered for {within_s:g} s: does the disk hang?"
        except SpoolError:
            return ""  # it answers, so a restart would mend nothing; /readyz says what the disk said
        return ""

    def not_ready(self) -> tuple[str, ...]:
        """Why devices can't hand in mail now; empty when they can."""
        reasons = []
        if self.lately.stopping:
            reasons.append("the relay is stopping")
        elif not self.listening:
            reasons.append("no listener is open yet")
        if refusing := self.room().refusing:
            reasons.append(refusing)
        return tuple(reasons)

    async def look(self) -> Seen:
        """What the spool holds, as of the last two seconds; within a time."""
        return await self._look.look()

    async def volumes(self) -> Volumes:
        """How much each device handed in, as of the last seconds; within a time."""
        return await self._look_at_devices.look()

    async def status(self) -> Status:
        """Everything in one value."""
        from relay.control.status import Service, status  # not before somebody asks: devices are greeted sooner

        service = Service(
            __version__, running=True, started=self.started, reasons=self.not_ready(), listening=self.listening,
            sessions=self.sessions, room=self.room(),
        )  # fmt: skip
        seen = await self.look()
        return status(self.settings, service, seen, self.lately, self.ends, time.time())
