"""What a device may do, on real sockets: log in by a hash or by any, its size, its senders, how many an hour."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import pytest

from relay.config.password import hashed
from relay.spool.store import Claim, RecipientResult, Seat, Settlement, SpoolFull, State
from tests.smtpd.conftest import ENVELOPE, LETTER, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.smtpd.conftest import Device, Door

MAILBOX = "scanner@contoso.test"
ANN = "ann@contoso.test"


def plain(username: str, password: str) -> str:
    return "AUTH PLAIN " + base64.b64encode(f"\0{username}\0{password}".encode()).decode()


def devices(**options: Any) -> dict[str, Any]:
    return {"copier": {"address": "127.0.0.1", "profile": "scans", **options}}


def logins(**login: Any) -> dict[str, Any]:
    return {"erp": {"address": "127.0.0.0/8", "login": {"username": "erp", **login}, "profile": "scans"}}


async def greeted(door: Door) -> Device:
    device = await door.device()
    assert (await device.hear()).startswith("220")
    await device.ask("EHLO copier")
    return device


async def hand_in(device: Device, letter: bytes = LETTER) -> str:
    """A whole message; the answer to its end."""
    for command in ("MAIL FROM:<mfp@device.test>", f"RCPT TO:<{ANN}>"):
        answer = await device.ask(command)
        if not answer.startswith("250"):
            return answer
    assert (await device.ask("DATA")).startswith("354")
    device.say(letter + b".\r\n")
    return await device.hear()


async def test_a_login_is_checked_against_its_hash(open_door: Callable[..., Any]) -> None:
    """The right password is in, a wrong one is not."""
    door = await open_door(devices=logins(password_hash=hashed("secret")))
    device = await greeted(door)
    assert (await device.ask(plain("erp", "Secret"))).startswith("535 5.7.8")
    assert (await device.ask(plain("erp", "secret"))).startswith("235 2.7.0")
    assert (await hand_in(device)).startswith("250 2.0.0 Ok: queued as")


async def test_any_password_is_taken_where_it_is_ignored(open_door: Callable[..., Any]) -> None:
    """The name and the address still count."""
    door = await open_door(devices=logins(password="ignored"))
    device = await greeted(door)
    assert (await device.ask(plain("other", "junk"))).startswith("535")
    assert (await device.ask(plain("erp", ""))).startswith("235")


async def test_a_device_has_its_own_size(open_door: Callable[..., Any]) -> None:
    """Announced in SIZE, refused at MAIL, and refused at the end where nothing was announced."""
    door = await open_door(devices=devices(max_message_size=1000))
    device = await door.device()
    await device.hear()
    assert "SIZE 1000\n" in (await device.ask("EHLO copier")).replace("250-", "") + "\n"
    assert (await device.ask("MAIL FROM:<mfp@device.test> SIZE=1001")).startswith("552 5.3.4")
    assert (await hand_in(device, LETTER + b"x" * 1000 + b"\r\n")).startswith("552 5.3.4")
    assert (await hand_in(device)).startswith("250")
    refused = door.events("client.refused")
    assert [event["option"] for event in refused] == ["devices.copier.max_message_size"] * 2


async def test_a_device_names_nobody_but_its_senders(open_door: Callable[..., Any]) -> None:
    """Neither in MAIL FROM nor in the message; nothing of a refused message stays."""
    door = await open_door(devices=devices(senders=["*@device.test"]))
    device = await greeted(door)
    assert (await device.ask("MAIL FROM:<boss@contoso.test>")).startswith("550 5.7.1 Sender <boss@contoso.test>")
    assert (await hand_in(device, b"From: boss@contoso.test\r\n" + LETTER)).startswith("550 5.7.1 Sender")
    assert door.queued() == []
    assert (await hand_in(device, b"From: Copier <mfp@device.test>\r\n" + LETTER)).startswith("250")


async def test_a_device_hands_in_so_many_messages_an_hour(open_door: Callable[..., Any]) -> None:
    """What is refused or too large does not count; the next one hears when it may come."""
    door = await open_door(devices=devices(messages_per_hour=2, senders=["*@device.test"]))
    device = await greeted(door)
    await hand_in(device, b"From: boss@contoso.test\r\n" + LETTER)
    assert [(await hand_in(device))[:3] for _ in range(2)] == ["250", "250"]
    assert (await device.ask("MAIL FROM:<mfp@device.test>")) == (
        "450 4.7.1 copier may send 2 messages an hour, again in 60 min"
    )
    assert len(door.queued()) == 2


async def test_two_sessions_at_once_do_not_share_the_last_message(open_door: Callable[..., Any]) -> None:
    """Both were let in at MAIL; the limit holds at the end of data."""
    door = await open_door(devices=devices(messages_per_hour=1))
    pair = [await greeted(door), await greeted(door)]
    for device in pair:
        device.say(ENVELOPE.partition(b"\r\n")[2] + b"DATA\r\n")
        assert [(await device.hear())[:3] for _ in range(3)] == ["250", "250", "354"]
    answers = []
    for device in pair:
        device.say(LETTER + b".\r\n")
        answers.append((await device.hear())[:3])
    assert sorted(answers) == ["250", "450"]


async def test_a_message_that_could_not_be_stored_leaves_no_trace(open_door: Callable[..., Any]) -> None:
    """It does not count for the hour, and nobody goes on waiting for it."""
    door = await open_door(devices=devices(messages_per_hour=1, answer="delivered", answer_within_s=0.05))
    device = await greeted(door)
    accept = door.store.accept

    async def full(_new: object) -> None:
        raise SpoolFull("no room")

    door.store.accept = full
    assert (await hand_in(device)).startswith("452")
    await until(lambda: door.store._expected == {})
    door.store.accept = accept
    assert (await hand_in(device)).startswith("250")


async def test_new_options_count_on_a_connection_that_stays_open(open_door: Callable[..., Any]) -> None:
    """From its next message on, those of `defaults` too."""
    door = await open_door(devices=devices())
    device = await greeted(door)
    assert (await hand_in(device)).startswith("250")
    door.house.rules = door.rules(door.configured(devices=devices(), defaults={"senders": ["*@other.test"]}))
    assert (await hand_in(device)).startswith("550 5.7.1 Sender")


# -- answer: delivered


async def claimed(door: Door) -> Claim:
    """The one message, as delivery would take it."""
    await door.store.open_mailbox(MAILBOX)
    await until(door.queued)
    found = await door.store.claim(Seat("one", MAILBOX, ("scans",), 2, 0), lambda _: 60_000)
    assert isinstance(found, Claim)
    return found


def told(state: State, answer: str, *recipients: tuple[str, str], meaning: str = "") -> Settlement:
    results = [RecipientResult(address, outcome, answer) for address, outcome in recipients]  # type: ignore[arg-type]
    return Settlement(state, state.value, answer=answer, meaning=meaning, recipients=results)


@pytest.mark.parametrize(
    ("settlement", "answer"),
    [
        (told(State.DELIVERED, "250 2.0.0 OK", (ANN, "delivered")), "250 2.0.0 Ok: delivered, queued as "),
        (told(State.QUEUED, "451 4.7.0 later"), "250 2.0.0 Ok: queued as "),
        (told(State.HELD, "connection lost"), "250 2.0.0 Ok: queued as "),
        (
            told(State.FAILED, "552 5.3.4 Message size exceeds", (ANN, "failed"), meaning="Too large for Exchange."),
            "552 5.3.4 Too large for Exchange. (552 5.3.4 Message size exceeds)",
        ),
        (
            told(State.FAILED, "571 5.7.1 böse\nline two", (ANN, "failed")),
            "550 5.7.1 (571 5.7.1 b?se line two)",
        ),
        (told(State.FAILED, "no answer", (ANN, "failed")), "550 5.0.0 (no answer)"),
        (
            told(State.FAILED, "550 5.1.10 nobody", (ANN, "delivered"), ("b@x.test", "failed")),
            "250 2.0.0 Ok: queued as ",
        ),
    ],
)
async def test_the_device_hears_the_truth(open_door: Callable[..., Any], settlement: Settlement, answer: str) -> None:
    """A permanent refusal of the whole message is passed back, in one line of ASCII; anything else is 250."""
    door = await open_door(devices=devices(answer="delivered"))
    device = await greeted(door)
    hearing = asyncio.ensure_future(hand_in(device))
    claim = await claimed(door)
    assert not hearing.done()
    await door.store.settle(claim, settlement)
    assert (await hearing).startswith(answer)
    passed_back = [event for event in door.events("client.refused") if event["id"] == claim.parcel.id]
    assert len(passed_back) == (not answer.startswith("250"))


async def test_a_device_waits_only_so_long(open_door: Callable[..., Any]) -> None:
    """Then it hears that the message is stored, and delivery goes on with the same one message."""
    door = await open_door(devices=devices(answer="delivered", answer_within_s=0.05))
    device = await greeted(door)
    assert (await hand_in(device)).startswith("250 2.0.0 Ok: queued as")
    claim = await claimed(door)
    assert await door.store.settle(claim, told(State.FAILED, "550 5.1.1 late"))
    assert door.store._expected == {}


async def test_a_device_that_goes_away_while_it_waits_changes_nothing(open_door: Callable[..., Any]) -> None:
    """The message is there once, and delivered once."""
    door = await open_door(devices=devices(answer="delivered"))
    device = await greeted(door)
    hearing = asyncio.ensure_future(hand_in(device))
    claim = await claimed(door)
    device.writer.transport.abort()
    assert await hearing == ""
    assert door.queued() == [claim.parcel.id]
    assert await door.store.settle(claim, told(State.DELIVERED, "250 2.0.0 OK", (ANN, "delivered")))
    await until(lambda: door.house.sessions == 0)
    assert door.queued() == []


async def test_a_stop_does_not_wait_with_the_device(open_door: Callable[..., Any]) -> None:
    """It hears 250 at once, so that it does not send again what is stored."""
    door = await open_door(devices=devices(answer="delivered", answer_within_s=300))
    device = await greeted(door)
    hearing = asyncio.ensure_future(hand_in(device))
    await claimed(door)
    assert await door.server.close(5) == 0
    assert (await hearing).startswith("250 2.0.0 Ok: queued as")
