"""What a session, an address and a message may take: each ceiling has a clear answer; normal mail never meets one."""

from __future__ import annotations

import asyncio
import base64
import socket
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config.settings import Intake as Limits
from relay.policy import bruteforce
from relay.smtpd import connection
from relay.smtpd.ceilings import Crowd, Pace, Turn
from tests.smtpd.conftest import ENVELOPE, LETTER, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.smtpd.conftest import Device, Door

MESSAGE = ENVELOPE[13:] + b"DATA\r\n" + LETTER + b".\r\n"
HOUR = 3600.0


def plain(username: str, password: str) -> str:
    """An AUTH PLAIN command."""
    return "AUTH PLAIN " + base64.b64encode(f"\0{username}\0{password}".encode()).decode()


async def greeted(door: Door) -> Device:
    device = await door.device()
    assert (await device.hear())[:3] == "220"
    return device


async def rest(device: Device) -> list[str]:
    """The codes of all replies until the relay closes."""
    codes = []
    while reply := await device.hear():
        codes.append(reply[:9])
    return codes


# -- sessions


async def test_an_address_has_so_many_connections_and_the_next_is_told(open_door: Callable[..., Any]) -> None:
    """421, the setting in the journal; when one has left, the next gets in."""
    door = await open_door(intake={"max_sessions_per_address": 2})
    first, _ = await greeted(door), await greeted(door)
    third = await door.device()
    assert "421 4.7.0 Too many connections from your address" in await third.hear()
    assert await third.ended()
    assert "intake.max_sessions_per_address (2)" in door.events("client.refused")[0]["reason"]
    await first.ask("QUIT")
    await until(lambda: door.house.sessions == 2 - 1)
    await greeted(door)


def test_one_crowded_address_leaves_the_others_alone() -> None:
    """And what was sent away is forgotten when it has left."""
    crowd, limits = Crowd(), Limits(max_sessions_per_address=2)
    for _ in range(2):
        assert crowd.enter("10.0.0.1", 1, limits) is None
    assert crowd.enter("10.0.0.1", 1, limits) is not None
    assert crowd.enter("10.0.0.2", 1, limits) is None
    assert crowd.enter("2001:db8::1", 1, limits) is None
    for client in ("10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.2", "2001:db8::1"):
        crowd.leave(client)
    assert not crowd._here


def test_whoever_knocks_thousands_of_times_does_not_fill_the_journal() -> None:
    """One line a second, with how many they were."""
    crowd = Crowd()
    told = [crowd.to_tell(100 + n / 1000) for n in range(2500)]
    assert [count for count in told if count] == [1, 1000, 1000]


async def test_commands_without_a_message_have_an_end(open_door: Callable[..., Any]) -> None:
    """A device that says NOOP for ever hears 421 in the end."""
    door = await open_door(intake={"max_commands": 5})
    device = await greeted(door)
    device.say(b"NOOP\r\n" * 50)
    assert await rest(device) == ["250 2.0.0"] * 5 + ["421 4.7.0"]
    assert "intake.max_commands (5)" in door.events("client.refused")[0]["reason"]


async def test_a_device_that_hands_in_messages_may_stay(open_door: Callable[..., Any]) -> None:
    """Each stored message begins the count anew; recipients are not counted."""
    door = await open_door(intake={"max_commands": 5, "max_errors": 2})
    device = await greeted(door)
    many = b"".join(b"RCPT TO:<r%d@contoso.test>\r\n" % n for n in range(20))
    for _ in range(4):
        device.say(b"BAD\r\nMAIL FROM:<a@b.test>\r\n" + many + b"DATA\r\n" + LETTER + b".\r\n")
        codes = [(await device.hear())[:3] for _ in range(24)]
        assert codes == ["500", *["250"] * 21, "354", "250"]
    assert len(door.queued()) == 4


async def test_a_connection_without_a_message_ends_after_its_time(open_door: Callable[..., Any]) -> None:
    """However many commands it says in between."""
    door = await open_door(intake={"session_timeout_s": 0.3})
    device = await greeted(door)
    codes = []
    while not codes or codes[-1] == "250":
        codes.append((await device.ask("NOOP"))[:3])
        await asyncio.sleep(0.02)
    assert len(codes) > 3
    assert codes[-1] == "421"
    assert await device.ended()


async def test_a_message_that_is_coming_in_is_not_cut_by_the_time_of_the_connection(
    open_door: Callable[..., Any],
) -> None:
    """A scanner may pause inside DATA; what it says after the message has its whole time again."""
    door = await open_door(intake={"session_timeout_s": 0.8})
    device = await greeted(door)
    device.say(ENVELOPE + b"DATA\r\nSubject: pages\r\n\r\n")
    for _ in range(10):
        device.say(b"page\r\n")
        await asyncio.sleep(0.1)
    device.say(b".\r\nNOOP\r\n")
    assert [(await device.hear())[:3] for _ in range(6)] == ["250", "250", "250", "354", "250", "250"]


@pytest.mark.parametrize("silent_for_s", [0.0, 10.0])
def test_a_stored_message_begins_the_time_anew(silent_for_s: float) -> None:
    """A pool that is used stays open; one that is not, ends."""
    turn = Turn(Limits(session_timeout_s=600, command_timeout_s=300), 0)
    assert turn.command_s(500) == 100
    turn.anew(500)
    assert turn.command_s(500 + silent_for_s) == 300
    assert turn.command_s(10_000) < 0.01


async def test_a_device_that_reads_nothing_is_not_waited_for(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks and asks with its window closed; the connection is dropped although the answers never left."""
    monkeypatch.setattr(connection, "_LAST_WORD_S", 0.05)
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    deaf.connect(("127.0.0.1", door.ports[0]))
    deaf.setblocking(False)
    loop = asyncio.get_running_loop()
    await until(lambda: door.server._sessions)
    (session,) = door.server._sessions
    session._turn._limits = Limits(max_commands=10**9)
    sending = asyncio.ensure_future(loop.sock_sendall(deaf, b"EHLO x\r\n" * 1_000_000))
    await until(lambda: session.transport.get_write_buffer_size() > 60_000)
    session._time_is_up()
    await until(lambda: door.house.sessions == 0)
    sending.cancel()
    deaf.close()


# -- the pace of a message


async def test_a_trickle_is_cut_off_and_leaves_nothing(open_door: Callable[..., Any]) -> None:
    """One octet now and then, for ever: 421, although there never was a silence."""
    door = await open_door(intake={"data_timeout_s": 0.3, "min_bytes_per_s": 100})
    device = await door.device()
    await device.envelope()
    hearing = asyncio.ensure_future(device.hear())
    while not hearing.done():
        device.say(b"x")
        await asyncio.sleep(0.02)
    assert "421 4.4.2 The message comes in too slowly" in await hearing
    assert await device.ended()
    await until(lambda: door.house.sessions == 0)
    assert door.bodies() == door.queued() == []
    assert "intake.min_bytes_per_s" in door.events("client.refused")[0]["reason"]


async def test_a_message_without_an_end_is_refused_in_the_end(open_door: Callable[..., Any]) -> None:
    """One that is only too large is read to its end; nothing of either is kept."""
    door = await open_door(intake={"max_message_size": 10_000})
    device = await door.device()
    await device.envelope()
    device.say((b"x" * 76 + b"\r\n") * 10_000)
    assert (await device.hear())[:3] == "552"
    assert await device.ended()
    assert "16 times the largest message" in door.events("client.refused")[0]["reason"]
    await until(lambda: door.bodies() == [])


pages = st.lists(st.tuples(st.integers(60_000, 2_000_000), st.floats(0, 300)), max_size=20)


@given(pages)
def test_a_scanner_may_pause_between_pages(scanned: list[tuple[int, float]]) -> None:
    """Pages of 60 kB and more, with up to five minutes in front of each, are never too slow."""
    pace, now = Pace(Limits(), 10**9, 0), 0.0
    for octets, pause in scanned:
        now += pause
        for _ in range(0, octets, 1500):
            assert pace.came(1500, now) is None
            now += 0.001


@given(st.integers(1, 50), st.floats(0.1, 599))
def test_a_trickle_has_twenty_minutes_at_most(octets: int, pause: float) -> None:
    """However it is spread, as long as it stays below half the floor."""
    pace, now = Pace(Limits(), 10**9, 0), 0.0
    pause = max(pause, octets / 50)
    while pace.came(octets, now) is None:
        now += pause
        assert now < 1200


def test_time_for_which_the_disk_held_the_device_back_is_not_its_own() -> None:
    """The stretch begins when it may go on."""
    pace = Pace(Limits(), 10**9, 0)
    pace.anew(HOUR)
    assert pace.came(1, HOUR + 599) is None


# -- passwords


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits in these tests: that a delay is kept is shown on its own."""
    monkeypatch.setattr(bruteforce, "LONGEST_DELAY_S", 0.0)


@pytest.mark.usefixtures("hasty")
async def test_after_some_wrong_passwords_this_name_is_blocked_here_and_another_is_not(
    open_door: Callable[..., Any],
) -> None:
    """421 with the time to wait, even for the right password, and the connection is closed."""
    door = await open_door(intake={"max_login_failures": 3})
    for _ in range(3):
        device = await greeted(door)
        await device.ask("EHLO x")
        assert (await device.ask(plain("erp", "wrong")))[:9] == "535 5.7.8"
    device = await greeted(door)
    await device.ask("EHLO x")
    assert await device.ask(plain("erp", "secret")) == "421 4.7.0 Too many wrong passwords, log in again in 5 minutes"
    assert await device.ended()
    assert "'erp'" in door.events("client.refused")[-1]["reason"]
    device = await greeted(door)
    assert (await device.ask(plain("somebody", "else")))[:3] == "535"


async def test_a_device_that_logs_in_correctly_a_thousand_times_is_never_blocked(open_door: Callable[..., Any]) -> None:
    """Nor made to wait, whatever others try from its address under other names."""
    door = await open_door(intake={"max_login_failures": 2})
    for n in range(1000):
        device = await greeted(door)
        assert (await device.ask(plain("erp", "secret")))[:3] == "235"
        await failures(door, f"name{n}")
        device.writer.transport.abort()


async def failures(door: Door, username: str, count: int = 1, before_a_block: int = 2) -> None:
    """Wrong passwords that somebody else tried from here."""
    patience, now = bruteforce.Patience(before_a_block, 300), asyncio.get_running_loop().time()
    for _ in range(count):
        door.house.guard._memory.failed("127.0.0.1", username, now, patience)


async def test_a_wrong_password_waits_for_its_answer_and_nobody_else_does(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay goes on meanwhile; when it stops, nobody waits any more."""
    monkeypatch.setattr(bruteforce, "LONGEST_DELAY_S", 60.0)
    await failures(door, "erp", 8, before_a_block=1000)
    guessing, other = await greeted(door), await greeted(door)
    guessing.say(f"{plain('erp', 'wrong')}\r\n".encode())
    await until(lambda: door.house.guard._waiting == 1)
    other.say(MESSAGE)
    assert [(await other.hear())[:3] for _ in range(4)] == ["250", "250", "354", "250"]
    assert (await other.ask(plain("erp", "secret")))[:3] == "235"
    door.house.guard.release()
    assert (await guessing.hear())[:3] == "535"


async def test_only_so_many_may_wait(open_door: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes when all places are taken is sent away at once."""
    monkeypatch.setattr(bruteforce, "LONGEST_DELAY_S", 60.0)
    door = await open_door(intake={"max_login_failures": 1000})
    await failures(door, "x", 8, before_a_block=1000)
    guessers = [await greeted(door) for _ in range(66)]
    for device in guessers:
        device.say(f"{plain('x', 'wrong')}\r\n".encode())
    await until(lambda: len(door.events("client.refused")) == 2)
    assert door.house.guard._waiting == 64
    assert all("421" in event["reply"] for event in door.events("client.refused"))
    door.house.guard.release()
    await until(lambda: door.house.guard._waiting == 0)
