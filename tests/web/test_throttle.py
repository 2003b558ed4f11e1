"""Guessing passwords at the dashboard: who waits, who is turned away, and whom it does not touch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from relay.web.throttle import Throttle, TooMany
from tests.web.test_guard import Place

if TYPE_CHECKING:
    from pathlib import Path

HERE, THERE = "10.0.0.1", "10.0.0.2"


class Guessing:
    """A throttle whose clock is set by hand; `waited` are the delays of its answers."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waited: list[float] = []
        self.throttle = Throttle(lambda: self.now, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.waited.append(seconds)

    async def wrong(self, address: str, name: str = "ann") -> None:
        async with self.throttle.turn(address, name):
            pass
        await self.throttle.failed(address, name)

    async def closed_s(self, address: str, name: str = "ann") -> float:
        """Seconds for which nobody may try from there; 0: he may."""
        try:
            async with self.throttle.turn(address, name):
                return 0.0
        except TooMany as error:
            return error.wait_s


@pytest.fixture
def guessing() -> Guessing:
    return Guessing()


async def test_wrong_passwords_wait_longer_each_time_and_then_close_the_door(guessing: Guessing) -> None:
    """For that name from there; another address, and another name, are not touched; it opens again."""
    for _ in range(5):
        await guessing.wrong(HERE)
    assert guessing.waited == [0.0, 1.0, 2.0, 4.0, 8.0]
    assert await guessing.closed_s(HERE) == 60
    assert await guessing.closed_s(HERE, "bob") == 0
    assert await guessing.closed_s(THERE) == 0
    guessing.now = 61.0
    assert await guessing.closed_s(HERE) == 0


async def test_an_address_that_tries_many_names_is_closed_for_all_of_them(guessing: Guessing) -> None:
    """But for who has signed in from there before."""
    guessing.throttle.succeeded(HERE, "boss")
    for number in range(25):
        await guessing.wrong(HERE, f"user{number}")
    assert await guessing.closed_s(HERE, "somebody") > 0
    assert await guessing.closed_s(HERE, "boss") == 0
    assert await guessing.closed_s(THERE, "somebody") == 0


async def test_a_name_that_many_addresses_try_is_closed_for_all_of_them(guessing: Guessing) -> None:
    """But where that person has signed in before."""
    guessing.throttle.succeeded(THERE, "ann")
    for number in range(50):
        await guessing.wrong(f"10.1.0.{number}")
    assert await guessing.closed_s("10.9.9.9") > 0
    assert await guessing.closed_s(THERE) == 0


async def test_only_a_few_passwords_are_worked_out_at_once_and_only_a_few_wait(guessing: Guessing) -> None:
    """Each costs memory and a core; those beyond are told to come again."""
    inside, most = 0, 0
    gate = asyncio.Event()

    async def look(number: int) -> str:
        nonlocal inside, most
        try:
            async with guessing.throttle.turn(f"10.2.0.{number}", "ann"):
                inside += 1
                most = max(most, inside)
                await gate.wait()
                inside -= 1
        except TooMany:
            return "later"
        return "looked at"

    looks = [asyncio.create_task(look(number)) for number in range(30)]
    await asyncio.sleep(0)
    gate.set()
    told = await asyncio.gather(*looks)
    assert (most, told.count("looked at"), told.count("later")) == (2, 16, 14)


async def test_who_was_blocked_while_waiting_for_a_turn_has_none(guessing: Guessing) -> None:
    """Many guesses sent at once are not more guesses."""
    gate = asyncio.Event()

    async def guess(number: int) -> str:
        try:
            async with guessing.throttle.turn(HERE, "ann"):
                await gate.wait()
                await guessing.throttle.failed(HERE, "ann")
        except TooMany:
            return "blocked"
        return str(number)

    guesses = [asyncio.create_task(guess(number)) for number in range(12)]
    await asyncio.sleep(0)
    gate.set()
    assert (await asyncio.gather(*guesses)).count("blocked") >= 12 - 6


async def test_of_a_long_name_little_is_remembered(tmp_path: Path) -> None:
    """Whoever fails is remembered for an hour, ten thousand of them: that must not be ten thousand forms."""
    place = Place(tmp_path)
    async with place.open() as person:
        form = {"name": "x" * 15_000, "password": "wrong: it is", "next": "/"}
        answer = await asyncio.to_thread(person.post, "/sign-in", form)
    assert answer.status == 401
    throttle = place.guard.throttle
    names = [name for table in (throttle._doors, throttle._names) for pair in table._pairs._records for name in pair]
    assert 0 < max(map(len, names)) <= 100
