"""The load, the faults of Exchange, and the killer: one life of the relay after another until it was enough."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections import Counter
from typing import TYPE_CHECKING

from relay.telemetry.faults import POINTS
from tests.crash.devices import Fate, Letter, Pace, Typist, send_for_ever

if TYPE_CHECKING:
    from tests.crash.lives import Lives
    from tests.crash.pretend import Pretend

# No mail fails here and nobody gives orders: tests/crash/test_points.py and the soak strike there.
MET = tuple(point for point in POINTS if not point.startswith(("spool.notice-", "spool.order-")))
RANDOM_MOMENT = "a random moment"
LETTERS_PER_LIFE = 90
LONGEST_LIFE_S = 3.0
_ADDRESSES = ("127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4", "127.0.2.1", "127.0.2.2", "127.0.3.1", "127.0.3.2")
_RARE = ("spool.body-", "spool.body-removed")  # only large messages come by
WEATHER: tuple[tuple[dict[str, object], ...], ...] = (
    (),
    ({"stage": "final", "action": "drop", "keep": True, "probability": 0.08},),  # kept, and the answer lost
    (
        {"stage": "mail", "action": "reply", "probability": 0.05},
        {"stage": "rcpt", "action": "reply", "probability": 0.05},
    ),
    (
        {"stage": "final", "action": "drop", "probability": 0.08},
        {"stage": "data", "action": "drop", "probability": 0.03},
    ),
    ({"stage": "final", "action": "delay", "seconds": 0.02},),
)


class Storm:
    """One run. `kills` counts deaths by where they struck."""

    def __init__(self, lives: Lives, cloud: Pretend, seed: int) -> None:
        self._lives = lives
        self._cloud = cloud
        self._dice = random.Random(seed)
        self._pace = Pace()
        self._typists = [Typist(f"device{n}", seed) for n, _ in enumerate(_ADDRESSES)]
        self.kills: Counter[str] = Counter()
        self._missed: Counter[str] = Counter()  # lives too short for the hits asked for: fewer next time

    async def rage(self, *, kills: int, accepted: int) -> None:
        """Devices send and the relay dies, until there were so many kills, at each point too, and accepted messages."""
        devices = [
            asyncio.ensure_future(send_for_ever(self._lives, typist, address, self._pace))
            for typist, address in zip(self._typists, _ADDRESSES, strict=True)
        ]
        try:
            life = 0
            while self.kills.total() < kills or self._accepted() < accepted or self.points_missed():
                await self._live_and_die(life)
                life += 1
                for device in devices:
                    if device.done():
                        device.result()
        finally:
            for device in devices:
                device.cancel()
            await asyncio.gather(*devices, return_exceptions=True)

    def letters(self) -> list[Letter]:
        return [letter for typist in self._typists for letter in typist.letters]

    def points_missed(self) -> list[str]:
        """Fault points at which no life has ended so far."""
        return [point for point in MET if not self.kills[point]]

    def _accepted(self) -> int:
        return sum(letter.fate is Fate.ACCEPTED for letter in self.letters())

    async def _live_and_die(self, life: int) -> None:
        """Every fourth life ends at a random moment, the others at the point that has struck least often."""
        await self._cloud.clear_faults()
        for fault in WEATHER[life % len(WEATHER)]:
            await self._cloud.add_fault(**fault)
        self._pace.grant(LETTERS_PER_LIFE)
        if life % 4 == 3:
            await self._lives.launch()
            await asyncio.sleep(self._dice.uniform(0.0, 1.6))  # from before it listens to the midst of the load
            await self._strike()
        else:
            await self._die_at(min(MET, key=lambda point: (self.kills[point], self._dice.random())))

    async def _die_at(self, point: str) -> None:
        most = 6 if point.startswith(_RARE) else 60
        hits = self._dice.randint(1, max(1, most >> self._missed[point]))
        await self._lives.launch(f"{point}:kill:{hits}")
        with contextlib.suppress(TimeoutError):
            assert await self._lives.ended(LONGEST_LIFE_S) == -signal.SIGKILL, self._lives.tail()
            self.kills[point] += 1
            return
        self._missed[point] += 1
        await self._strike()

    async def _strike(self) -> None:
        await self._lives.kill()
        self.kills[RANDOM_MOMENT] += 1
