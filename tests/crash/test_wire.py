"""The wire to Exchange breaks or falls silent at an octet, wherever it is: the letter arrives, or waits; no worse."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.crash.account import read_copies
from tests.crash.devices import Connection, Fate, Letter, Typist
from tests.crash.lives import drained
from tests.crash.pretend import Pretend
from tests.crash.proxy import Cut, Proxy, without_starttls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.crash.lives import Lives
    from tests.crash.proxy import Direction

# Exchange's half of a conversation about one small letter has some 3 kB, the relay's some 5 kB: each step is met.
SMALL = (0, 10, 30, *range(80, 400, 80), *range(400, 6400, 300))
WITHIN_A_BODY = (20_000, 65_536, 150_000, 250_000)
LARGE = 300_000
STEPS = {  # at which attempts must have ended, or the cuts missed something
    "up": {"greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "final"},
    "down": {"greeting", "ehlo", "starttls", "auth", "final"},
}


@dataclass
class Way:
    """One profile behind a wire of its own."""

    name: str
    address: str
    proxy: Proxy
    typist: Typist

    async def hand_in(self, lives: Lives, size: int) -> Letter:
        letter, body = self.typist.write(size, (f"{self.name}@contoso.test",))
        connection = await Connection.to(lives.port, self.address)
        await connection.submit(letter, body)
        connection.close()
        assert letter.fate is Fate.ACCEPTED
        return letter


@pytest.fixture
async def ways(lives: Lives, cloud: Pretend, request: pytest.FixtureRequest) -> AsyncIterator[list[Way]]:
    """Three profiles (BDAT in one flight, DATA, one command at a time), a fresh connection for each letter."""
    lives.set("retry_s: [0.2, 0.5, 1]", "retry_s: [0.05]")
    addresses = {"pipes": "127.0.1.1", "dots": "127.0.2.1", "steps": "127.0.3.1"}
    async with AsyncExitStack() as stack:
        found = []
        for name, address in addresses.items():
            proxy = await stack.enter_async_context(Proxy("127.0.0.1", int(cloud.settings["smtp_port"])))
            lives.route(name, proxy.port, "messages_per_session: 1")
            found.append(Way(name, address, proxy, Typist(f"{name}-{request.node.name}", 1)))
        yield found


async def cut_everywhere(ways: list[Way], lives: Lives, cuts: list[tuple[Cut, int]]) -> None:
    """On each way, one letter after the other meets one cut of its connection."""

    async def meet(way: Way) -> None:
        for cut, size in cuts:
            way.proxy.cuts.append(cut)
            await lives.settled(await way.hand_in(lives, size))

    await asyncio.gather(*map(meet, ways))


def judge(ways: list[Way], lives: Lives, arrived: Path) -> set[str]:
    """Every letter arrived unchanged, and each copy too many has its doubt; returns the steps that were cut."""
    copies = list(read_copies(arrived))
    stages = set()
    for letter in (letter for way in ways for letter in way.typist.letters):
        mine = [copy for copy in copies if copy.token == letter.token]
        item = lives.item(letter.queue_id)
        assert item is not None
        doubts = [attempt for attempt in item.attempts if attempt.outcome == "uncertain"]
        assert item.state == "delivered", item
        assert 1 <= len(mine) <= 1 + len(doubts), item.attempts
        assert {copy.sha256 for copy in mine} == {letter.sha256}
        stages |= {attempt.stage for attempt in item.attempts[:-1]}
    # Reset before a single octet has left: the relay may hear of it before it has read the greeting.
    return stages | ({"greeting"} if "connect" in stages else set())


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_a_connection_that_is_reset_at_any_octet_loses_nothing(
    direction: Direction, ways: list[Way], lives: Lives, cloud: Pretend
):
    """RST before and within the greeting, EHLO, the handshake, AUTH, the envelope, the body and the final answer."""
    cuts = [(Cut(direction, after), 500) for after in SMALL]
    if direction == "up":
        cuts += [(Cut("up", after), LARGE) for after in WITHIN_A_BODY]
    await lives.start()
    await cut_everywhere(ways, lives, cuts)
    await drained(lives)
    await lives.stop()
    met = judge(ways, lives, cloud.directory / "arrived")
    assert met >= STEPS[direction], met
    assert lives.body_files() == []


async def test_a_connection_that_falls_silent_at_any_octet_loses_nothing(ways: list[Way], lives: Lives, cloud: Pretend):
    """Nothing gets through any more and no RST tells: the relay's own timeouts end it, wherever it was."""
    lives.set("connect_timeout_s: 10, reply_timeout_s: 20", "connect_timeout_s: 0.7, reply_timeout_s: 0.5")
    await lives.start()
    cuts = [(Cut("up", after, "silence"), 500) for after in (0, 12, 100, 1500, 4000)]
    cuts += [(Cut("down", after, "silence"), 500) for after in (0, 60, 200, 1000, 2600, 2900)]
    await cut_everywhere(ways, lives, [*cuts, (Cut("up", 100_000, "silence"), LARGE)])
    await drained(lives)
    await lives.stop()
    assert {"starttls", "final"} <= judge(ways, lives, cloud.directory / "arrived")


async def test_mail_never_goes_on_in_clear_when_somebody_takes_starttls_away(ways: list[Way], lives: Lives):
    """EHLO without STARTTLS: no octet but EHLO and QUIT leaves; the mail waits, and goes when it is offered again."""
    pipes = ways[0]
    pipes.proxy.rewrite = without_starttls
    await lives.start()
    letter = await pipes.hand_in(lives, 500)
    await lives.logged("message.deferred")
    said = b"".join(pipes.proxy.up)
    pipes.proxy.rewrite = bytes
    await lives.settled(letter)
    await lives.stop()
    assert said
    assert {line.split()[0] for line in said.splitlines()} <= {b"EHLO", b"QUIT"}
    assert lives.events("message.deferred")[0]["remedy"]
    assert lives.counts() == {"delivered": 1}


async def test_a_certificate_that_changes_to_another_ca_stops_the_mail_until_it_is_back(
    ways: list[Way], lives: Lives, tmp_path: Path
):
    """Somebody else answers at Exchange's address: the profile pauses, nothing is said to them, nothing is lost."""
    pipes = ways[0]
    await lives.start()
    await lives.settled(await pipes.hand_in(lives, 500))
    with closing(Pretend(tmp_path / "other")) as other:
        pipes.proxy.lead_to(int(other.settings["smtp_port"]))
        letter = await pipes.hand_in(lives, 500)
        await lives.logged("profile.paused")
        kept = lives.waiting()
        pipes.proxy.lead_to(int(lives.cloud.settings["smtp_port"]))
        await lives.settled(letter)
        await lives.stop()
        assert read_copies(other.directory / "arrived") == []
    assert kept == 1
    assert lives.events("profile.paused")[0]["rule"] == "lost.certificate"
    assert lives.counts() == {"delivered": 2}


async def test_a_name_that_dns_does_not_know_keeps_the_mail(ways: list[Way], lives: Lives):
    """NXDOMAIN, or no resolver at all: deferred with a remedy that names the host; the right name takes the mail."""
    lives.set("host: localhost", "host: nowhere.invalid")
    await lives.start()
    letter = await ways[0].hand_in(lives, 500)
    await lives.logged("message.deferred")
    lives.set("host: nowhere.invalid", "host: localhost")
    lives.hang_up()
    await lives.settled(letter)
    await lives.stop()
    assert "nowhere.invalid" in lives.events("message.deferred")[0]["remedy"]
    assert lives.counts() == {"delivered": 1}
