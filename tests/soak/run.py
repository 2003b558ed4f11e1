"""One soak: devices send all the time, spells of every group run side by side, then all is mended and counted."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.crash.devices import Fate, Pace, Typist, send_for_ever
from tests.crash.lives import drained
from tests.soak.place import Place
from tests.soak.spells import GROUPS, THROTTLES
from tests.soak.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.soak.spells import Spell

LETTERS_A_SECOND = 12
PAUSE_S = {
    "process": 14.0,
    "disk": 12.0,
    "clock": 12.0,
    "entra": 8.0,
}  # at most this long all is well in a group; others: 5 s
LONG_S = 180.0  # from here on there is time for throttles, whose rests take a minute
DRAIN_S = 900.0  # a mailbox that was throttled goes on slowly for a while
_ADDRESSES = ("127.0.1.1", "127.0.1.2", "127.0.2.1", "127.0.2.2", "127.0.3.1", "127.0.3.2")


@dataclass(frozen=True)
class Soak:
    """What a run is to do; the seed repeats its dice, the timing of the machine stays chance."""

    seed: int
    seconds: float
    letters_a_second: int = LETTERS_A_SECOND
    least_accepted: int = 0  # it goes on until so many were, on a machine that has much else to do


async def soak(wanted: Soak, directory: Path) -> Tally:
    """Runs it and counts."""
    async with Place(directory) as place:
        place.keep_running()
        typists = [Typist(f"device{n}", wanted.seed) for n, _ in enumerate(_ADDRESSES)]
        await _rage(wanted, place, typists)
        await _calm(place)
        await _settled(place)
        await place.stop_keeping()
        shutil.copytree(place.lives.spool, directory / "spool-at-the-end")
        return Tally([letter for typist in typists for letter in typist.letters], place)


async def _rage(wanted: Soak, place: Place, typists: list[Typist]) -> None:
    pace = Pace()
    devices = [
        asyncio.ensure_future(send_for_ever(place.lives, typist, address, pace))
        for typist, address in zip(typists, _ADDRESSES, strict=True)
    ]
    weathers = [asyncio.ensure_future(_weather(place, group, _spells(group, wanted), wanted.seed)) for group in GROUPS]
    try:
        await _grant(wanted, pace, typists, [*devices, *weathers])
    finally:
        await _end(weathers)
        await _end(devices)


async def _grant(wanted: Soak, pace: Pace, typists: list[Typist], tasks: Sequence[asyncio.Task[None]]) -> None:
    """So many letters each second until the time is over; a task that broke breaks the soak."""
    until = time.monotonic() + wanted.seconds
    while time.monotonic() < until or _accepted(typists) < wanted.least_accepted:
        pace.grant(wanted.letters_a_second)
        await asyncio.sleep(1)
        for task in tasks:
            if task.done():
                task.result()


def _accepted(typists: list[Typist]) -> int:
    return sum(letter.fate is Fate.ACCEPTED for typist in typists for letter in typist.letters)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancelled spells mend what they broke; one that can't is a mistake of the soak."""
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended


def _spells(group: str, wanted: Soak) -> Sequence[Spell]:
    more = THROTTLES if group == "exchange" and wanted.seconds >= LONG_S else ()
    return (*GROUPS[group], *more)


async def _weather(place: Place, group: str, spells: Sequence[Spell], seed: int) -> None:
    """Every spell of a group in turn, shuffled anew each round, with quiet in between."""
    dice = random.Random(f"{seed} {group}")
    while True:
        for spell in dice.sample(spells, len(spells)):
            await asyncio.sleep(dice.uniform(0.2, PAUSE_S.get(group, 5.0)))
            await spell(place, dice)
            place.did[spell.__name__] += 1


async def _settled(place: Place) -> None:
    """Everything has left that can leave, the notices about what could not too."""
    await drained(place.lives, DRAIN_S)
    async with asyncio.timeout(DRAIN_S):
        while place.asked("SELECT 1 FROM notice"):
            await place.lives.next("message.delivered", 0.5)
    await drained(place.lives, DRAIN_S)


async def _calm(place: Place) -> None:
    """Nothing is broken any more, and a relay without fault points takes everything up."""
    await place.cloud.clear_faults()
    for wire in place.wires.values():
        wire.cuts.clear()
    place.next_fault = ""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(place.lives.up.wait(), 10)
    place.strike("SIGTERM", signal.SIGTERM)
    await place.lives.logged_anew("relay.started", 40)
