"""How a running relay shows itself: counts from the first event on, probes and pages, systemd's watchdog.

Owned by the switchboard: `open` when mail is taken, `reload` with another configuration, `close` at the end. Nothing of
it is in the way of mail.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from relay.control.activity import Minutes
from relay.control.caller import Refused
from relay.control.device_log import DeviceLog
from relay.control.lately import Lately
from relay.control.pulse import Pulse
from relay.control.running import Control, Ears
from relay.telemetry.metrics import Metrics
from relay.web.door import WebDoor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from relay.config.settings import Settings
    from relay.control.end_watch import EndWatch
    from relay.control.running import Hands, House
    from relay.telemetry.journal import Journal


class Faces:
    """All of them; they share one `Control`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._ears = Ears(Lately(), Metrics(), Minutes(), DeviceLog())
        for ear in (self._ears.metrics, self._ears.lately, self._ears.minutes, self._ears.devices):
            journal.tell(ear.heard, ear.events)
        self._control: Control | None = None
        self._pulse: Pulse | None = None
        self._door: WebDoor | None = None

    def open(
        self, settings: Callable[[], Settings], house: House, ends: EndWatch, hands: Hands, listening: Iterable[str]
    ) -> None:
        """Mail is taken now."""
        self._control = control = Control(settings, house, ends, self._ears, hands)
        control.listening = tuple(listening)
        self._pulse, self._door = Pulse(control), WebDoor(control, self._journal)
        self._pulse.start()
        self.reload(settings())

    def reload(self, settings: Settings) -> None:
        """Another configuration is in force."""
        if self._door is not None:
            self._door.open(settings.http)

    async def status(self, _: object) -> Mapping[str, Any]:
        """Answers `status` at the control socket. Raises `Refused` before `open`."""
        if self._control is None:
            raise Refused("the relay is starting", "ask again in a moment")
        return asdict(await self._control.status())

    async def activity(self, _: object) -> Mapping[str, Any]:
        """Answers `activity` at the control socket: mail per minute."""
        return asdict(self._ears.minutes.activity())

    async def close(self) -> None:
        """Ends within two seconds. May be called before `open`."""
        if self._door is not None:
            await self._door.close()
        if self._pulse is not None:
            await self._pulse.stop()
        if self._control is not None:
            await self._control.close()
