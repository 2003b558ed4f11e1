"""Sign-ins that no mail uses: refreshed all the same, and their end announced long before, against a pretend Entra."""

from __future__ import annotations

import asyncio
import time

import pytest

from relay.telemetry.journal import Journal
from relay.upstream.keepalive import DAY_S, KeepAlive
from relay.upstream.sources import Sources
from tests.e2e.delegated import ANN, USERS, configured
from tests.e2e.pretend import PretendCloud
from tests.upstream.house import House

ALONE = {"boss": {"sign_in": "app", "upn": ""}}


@pytest.fixture(scope="module")
def cloud():
    with PretendCloud(users=USERS, auto_sign_in="hint") as running:
        yield running


class Lines:
    """A log that keeps what it is told."""

    def __init__(self):
        self.told: list[tuple[str, str, dict]] = []
        self.news = asyncio.Event()

    def __getattr__(self, level):
        return lambda event, **fields: (self.told.append((level, event, fields)), self.news.set())


class Watched(House):
    """The keep-alive beside it, at a day of the test's choice."""

    def __init__(self, config):
        super().__init__(config)
        self.days = 0.0
        self.log = Lines()
        self.keep_alive = KeepAlive(
            lambda: self.settings, Sources(), Journal(self.log), clock=lambda: time.time() + self.days * DAY_S
        )

    async def look(self, day):
        """What is told when it looks on that day."""
        self.days = day
        before = len(self.log.told)
        await self.keep_alive.look()
        return self.log.told[before:]


@pytest.fixture
def house(cloud, tmp_path):
    """Ann has signed in."""
    house = Watched(configured(cloud, tmp_path, profiles=ALONE))
    house.sign_in(cloud)
    return house


async def test_what_is_fresh_is_left_alone_and_what_has_rested_is_used(house):
    """After three days the refresh token is used and its successor kept; nothing is told."""
    first = house.kept()
    assert await house.look(2.9) == []
    assert house.kept() == first

    assert await house.look(3.1) == []
    assert house.kept().cache != first.cache
    assert house.kept().refreshed_at > first.refreshed_at


async def test_profiles_of_one_person_share_one_refresh(cloud, tmp_path):
    """One question to Entra for both."""
    twin = {"app": "contoso", "sign_in": "delegated", "mailbox": ANN, "from": "mailbox"}
    house = Watched(configured(cloud, tmp_path, profiles=ALONE | {"twin": twin}))
    house.sign_in(cloud)
    before = cloud.order(lambda: len(cloud.cloud.entra.grants.refreshes))
    await house.look(4)

    assert cloud.order(lambda: len(cloud.cloud.entra.grants.refreshes)) == before + 1


async def test_an_entra_that_stays_away_is_announced_with_the_days_left(house, cloud):
    """Not in the first two weeks; then once a day, a warning with what is left of the 90 days."""
    cloud.wait(cloud.cloud.entra_down())
    try:
        assert await house.look(4) == []
        (told,) = await house.look(20)
        assert await house.look(20.4) == []
        (again,) = await house.look(21)
    finally:
        cloud.wait(cloud.cloud.entra_up())

    level, event, fields = told
    assert (level, event, fields["profile"], fields["days_left"]) == ("warning", "signin.failing", "ann", 70)
    assert "cannot be reached" in fields["answer"]
    assert again[2]["days_left"] == 69


async def test_a_revoked_sign_in_is_told_at_once(house, cloud):
    """No mail has to wait first: Entra's answer and how to sign in again."""
    cloud.order(cloud.cloud.revoke_sessions, ANN)
    ((level, event, fields),) = await house.look(4)

    assert (level, event) == ("error", "signin.failing")
    assert "AADSTS50173" in fields["answer"]
    assert "relay authorize ann" in fields["remedy"]


async def test_a_missing_sign_in_is_told_at_the_start(cloud, tmp_path):
    """Before any mail comes; and the task ends when it is told to."""
    house = Watched(configured(cloud, tmp_path, profiles=ALONE))
    house.keep_alive.start()
    async with asyncio.timeout(20):
        await house.log.news.wait()
        await house.keep_alive.stop()

    ((level, _, fields),) = house.log.told
    assert (level, fields["profile"]) == ("error", "ann")
    assert "has not signed in yet" in fields["answer"]


async def test_a_mistake_does_not_end_it(cloud, tmp_path):
    """It is told, and the next round looks again."""
    house = Watched(configured(cloud, tmp_path, profiles=ALONE))
    rounds = iter([RuntimeError("oops")])

    def settings():
        for mistake in rounds:
            raise mistake
        return house.settings

    keep_alive = KeepAlive(settings, Sources(), Journal(house.log), round_s=0)
    keep_alive.start()
    async with asyncio.timeout(20):
        while len(house.log.told) < 2:
            house.log.news.clear()
            await house.log.news.wait()
        await keep_alive.stop()

    assert [event for _, event, _ in house.log.told] == ["relay.mistake", "signin.failing"]
