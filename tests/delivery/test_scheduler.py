"""Lanes by mailbox under one scheduler: start, reload, profiles that move or go, stop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest_asyncio

from relay.config.loader import parse
from relay.delivery.scheduler import Scheduler
from tests.delivery.conftest import Theatre, Upstream, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from relay.config.settings import Settings
    from relay.delivery.lane import Way


def configured(**mailbox_of: str) -> Settings:
    """A configuration with these profiles, each by its mailbox."""
    profiles = "\n".join(f"  {name}: {{app: contoso, mailbox: {mailbox}}}" for name, mailbox in mailbox_of.items())
    return parse(f"""
listeners: [{{listen: "127.0.0.1:0"}}]
apps:
  contoso: {{tenant: contoso.onmicrosoft.com, client_id: abc, credential: {{secret: {{env: CONTOSO_SECRET}}}}}}
profiles:
{profiles}
limits: {{messages_per_minute: 0}}
""")


class House:
    """A scheduler on the theatre's store; each mailbox has an upstream of its own."""

    def __init__(self, theatre: Theatre) -> None:
        self.theatre = theatre
        self.scheduler = Scheduler(theatre.store, theatre.journal)
        self.upstreams: dict[str, Upstream] = {}
        theatre.store._on_mail = lambda _, profile: self.scheduler.mail(profile)

    def ways(self, settings: Settings) -> dict[str, Way]:
        made = {}
        for name, profile in settings.profiles.items():
            upstream = self.upstreams.setdefault(profile.mailbox.lower(), Upstream())
            self.theatre.upstream = upstream
            made[name] = self.theatre.plan(profiles=(name,)).ways[name]
        return made

    async def start(self, settings: Settings) -> None:
        await self.scheduler.start(settings, self.ways(settings))

    async def reload(self, settings: Settings) -> None:
        await self.scheduler.plan(settings, self.ways(settings))

    def sent(self, mailbox: str) -> list[str]:
        return [name for name, _ in self.upstreams[mailbox].sent]


@pytest_asyncio.fixture
async def house(theatre: Theatre) -> AsyncIterator[House]:
    house = House(theatre)
    yield house
    await house.scheduler.stop(2)


async def test_what_waited_in_the_spool_leaves_at_the_start(house: House) -> None:
    """Nobody has to send new mail first."""
    names = [await house.theatre.put() for _ in range(3)]
    await house.start(configured(scans="a@contoso.test"))
    await until(lambda: sorted(house.sent("a@contoso.test")) == names)


async def test_mail_of_a_profile_goes_to_the_lane_of_its_mailbox(house: House) -> None:
    """Two spellings of a mailbox are one mailbox."""
    await house.start(configured(scans="a@contoso.test", erp="b@contoso.test", fax="A@Contoso.test"))
    scan, booking, fax = [await house.theatre.put(profile=name) for name in ("scans", "erp", "fax")]
    await until(lambda: sorted(house.sent("a@contoso.test")) == [scan, fax])
    await until(lambda: house.sent("b@contoso.test") == [booking])


async def test_a_slow_mailbox_delays_nobody_else(house: House) -> None:
    """Its workers are its own."""
    await house.start(configured(scans="a@contoso.test", erp="b@contoso.test"))
    house.upstreams["a@contoso.test"].may_answer.clear()
    for _ in range(5):
        await house.theatre.put(profile="scans")
    booking = await house.theatre.put(profile="erp")
    await until(lambda: house.sent("b@contoso.test") == [booking])
    house.upstreams["a@contoso.test"].may_answer.set()


async def test_a_profile_that_moves_to_another_mailbox_takes_its_mail_along(house: House) -> None:
    """What came before and what comes after the reload; the old mailbox sends nothing more."""
    await house.start(configured(scans="a@contoso.test"))
    first = await house.theatre.put()
    await until(lambda: house.sent("a@contoso.test") == [first])
    await house.reload(configured(scans="b@contoso.test"))
    names = [await house.theatre.put() for _ in range(5)]
    await until(lambda: sorted(house.sent("b@contoso.test")) == names)
    assert house.sent("a@contoso.test") == [first]
    await until(lambda: house.upstreams["a@contoso.test"].open == 0)


async def test_mail_of_a_profile_that_is_gone_waits_and_is_named(house: House) -> None:
    """It leaves when the profile is back."""
    await house.start(configured(scans="a@contoso.test", erp="b@contoso.test"))
    await house.reload(configured(erp="b@contoso.test"))
    name = await house.theatre.put(profile="scans")
    await house.reload(configured(erp="b@contoso.test"))
    assert "put the profile back" in house.theatre.event("delivery.orphaned")["remedy"]
    assert house.theatre.item(name).attempts == ()
    await house.reload(configured(scans="a@contoso.test", erp="b@contoso.test"))
    await until(lambda: house.sent("a@contoso.test") == [name])


async def test_a_reload_keeps_the_connections_of_what_did_not_change(house: House) -> None:
    """The transport is equal, so the line stays."""
    settings = configured(scans="a@contoso.test")
    await house.start(settings)
    await house.theatre.put()
    await until(lambda: len(house.sent("a@contoso.test")) == 1)
    await house.reload(settings)
    await house.theatre.put()
    await until(lambda: len(house.sent("a@contoso.test")) == 2)
    assert house.upstreams["a@contoso.test"].most_open <= 2
    assert house.upstreams["a@contoso.test"].open == house.upstreams["a@contoso.test"].connected


async def test_nothing_is_begun_after_the_stop(house: House) -> None:
    """Neither by mail nor by a reload that was under way."""
    settings = configured(scans="a@contoso.test")
    await house.start(settings)
    assert await house.scheduler.stop(2) == 0
    await house.reload(configured(scans="b@contoso.test"))
    await house.theatre.put()
    await asyncio.sleep(0.01)
    assert house.sent("a@contoso.test") == house.sent("b@contoso.test") == []
