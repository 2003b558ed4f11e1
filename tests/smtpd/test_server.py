"""All sessions together: stop, reload, sockets that can't be had."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from relay.smtpd.listener import Server
from relay.spool.browse import Browser
from tests.smtpd.conftest import ENVELOPE, LETTER, PROFILES, until

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from tests.smtpd.conftest import Door

PLAIN = "AUTH PLAIN AGVycABzZWNyZXQ="


async def test_a_stopping_server_ends_idle_sessions_at_once_and_finishes_the_message_in_hand(door: Door) -> None:
    """The one hears 421, the other 250."""
    idle, busy = await door.device(), await door.device()
    await idle.hear()
    await busy.envelope()
    stopping = asyncio.ensure_future(door.server.close(5))
    assert (await idle.hear())[:3] == "421"
    busy.say(LETTER + b".\r\n")
    assert (await busy.hear())[:3] == "250"
    assert await busy.ended()
    assert await stopping == 0
    assert len(door.queued()) == 1


async def test_a_login_under_way_when_the_server_stops_is_no_mistake_of_ours(door: Door) -> None:
    """The device goes on with its user name behind the 421, and is asked nothing more."""
    device = await door.device()
    await device.hear()
    await device.ask("AUTH LOGIN")
    stopping = asyncio.ensure_future(door.server.close(5))
    assert (await device.hear())[:3] == "421"
    device.say(b"ZXJw\r\n")
    assert await device.hear() == ""
    assert await stopping == 0
    assert door.events("session.failed") == []


async def test_a_message_that_does_not_end_is_cut_at_the_deadline(door: Door) -> None:
    """It was never accepted; nothing of it stays."""
    device = await door.device()
    await device.envelope()
    device.say(LETTER)
    assert await door.server.close(0.05) == 1
    assert await device.ended()
    assert door.queued() == door.bodies() == []


async def test_a_message_under_way_to_the_disk_is_never_cut(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is, the storing is not."""
    accept, disk = door.store.accept, asyncio.Event()

    async def slow(new: Any) -> None:
        await disk.wait()
        await accept(new)

    monkeypatch.setattr(door.store, "accept", slow)
    device = await door.device()
    await device.envelope()
    device.say(LETTER + b".\r\n")
    await until(lambda: door.events("message.received"))
    stopping = asyncio.ensure_future(door.server.close(0.2))
    assert await device.ended()
    disk.set()
    assert await stopping == 1
    assert len(door.queued()) == 1


async def test_a_connection_that_arrives_during_the_stop_is_sent_away(door: Door) -> None:
    """Accepted by the kernel, but not by us."""
    door.house.stopping = True
    device = await door.device()
    assert (await device.hear())[:3] == "421"
    assert await device.ended()


async def test_a_port_that_is_taken_is_named_and_the_others_are_given_back(door: Door) -> None:
    """The relay does not half start."""
    settings = door.configured(listeners=[{"listen": "127.0.0.1:0"}, {"listen": f"127.0.0.1:{door.ports[0]}"}])
    second = Server(door.house)
    with pytest.raises(OSError, match=f"can't listen on 127.0.0.1:{door.ports[0]}"):
        await second.open(settings.listeners)
    assert not any(server.is_serving() for server in second._servers)
    door.house.stopping = False


async def test_a_device_taken_out_of_the_configuration_is_refused_on_its_open_connection(door: Door) -> None:
    """By address and by login; a message already begun is finished."""
    by_address, by_login = await door.device(), await door.device()
    for device in (by_address, by_login):
        await device.hear()
        await device.ask("EHLO x")
    assert (await by_login.ask(PLAIN))[:3] == "235"
    await by_address.ask("MAIL FROM:<a@b.test>")
    door.house.rules = door.rules(door.configured(devices={"other": {"address": "10.9.9.9", "profile": "scans"}}))
    assert (await by_address.ask("RCPT TO:<ann@contoso.test>"))[:3] == "250"
    await by_address.ask("RSET")
    assert (await by_address.ask("MAIL FROM:<a@b.test>"))[:3] == "530"
    assert (await by_login.ask("MAIL FROM:<a@b.test>"))[:3] == "530"


@pytest.mark.parametrize("gone", ["profile", "device"])
async def test_a_message_in_hand_is_finished_by_the_rules_it_was_begun_with(door: Door, gone: str) -> None:
    """A reload that takes its profile or device away during DATA is no mistake of the relay; the next MAIL obeys it."""
    device = await door.device()
    await device.envelope()
    other = {"app": "c", "mailbox": "other@contoso.test", "from": "mailbox"}
    changes: dict[str, Any] = {"devices": {"other": {"address": "10.9.9.9", "profile": "others"}}}
    changes |= {"profiles": {"others": other}} if gone == "profile" else {"profiles": PROFILES | {"others": other}}
    door.house.rules = door.rules(door.configured(**changes))
    device.say(LETTER + b".\r\n")
    assert (await device.hear())[:3] == "250"
    (row,) = Browser(door.directory / "spool").list()
    assert (row.device, row.profile) == ("copier", "scans")
    assert not door.events("intake.failed")
    assert (await device.ask("MAIL FROM:<a@b.test>"))[:3] == "530"


async def test_a_renewed_certificate_is_shown_after_a_reload(door: Door, trusting: ssl.SSLContext) -> None:
    """On implicit TLS too, whose socket was bound with the old one."""

    async def shown() -> bytes:
        device = await door.device(1, trusting)
        await device.hear()
        certificate: bytes = device.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return certificate

    first = await shown()
    assert b"first.test" in first
    door.house.rules = door.rules(door.settings, certificate="second")
    assert b"second.test" in await shown()


async def test_many_devices_at_once_lose_nothing(door: Door) -> None:
    """Each hears one 250 for each of its messages."""

    async def scan() -> list[str]:
        device = await door.device()
        device.say((ENVELOPE + b"DATA\r\n" + LETTER + b".\r\n") * 5 + b"QUIT\r\n")
        replies = [await device.hear() for _ in range(27)]
        return [reply.split()[-1] for reply in replies if "queued as" in reply]

    ids = [name for names in await asyncio.gather(*(scan() for _ in range(20))) for name in names]
    assert len(set(ids)) == 100
    assert sorted(row for row in door.queued()) == sorted(ids)


async def test_the_reason_of_a_full_disk_is_not_told_of_the_next_refusal(
    open_door: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line of the journal speaks of its own cause."""
    door = await open_door(spool={"min_free_bytes": 1 << 60}, intake={"max_message_size": 1000})
    device = await door.device()
    await device.hear()
    assert (await device.ask("MAIL FROM:<a@b.test>"))[:3] == "452"
    assert (await device.ask("MAIL FROM:<a@b.test> SIZE=5000"))[:3] == "552"
    full, large = door.events("client.refused")
    assert "bytes free" in full["reason"]
    assert "spool.min_free_bytes" in full["remedy"]
    assert "reason" not in large


async def test_a_message_that_would_not_fit_the_quota_is_refused_before_it_travels(
    open_door: Callable[..., Any],
) -> None:
    """By its SIZE, while smaller ones are taken; the journal names the option."""
    door = await open_door(spool={"min_free_bytes": 0, "max_bytes": 10_000})
    device = await door.device()
    await device.hear()
    assert (
        await device.ask("MAIL FROM:<a@b.test> SIZE=10001")
    ) == "452 4.3.1 No room to store mail now, try again later"
    assert (await device.ask("MAIL FROM:<a@b.test> SIZE=9000"))[:3] == "250"
    (refused,) = door.events("client.refused")
    assert "a message of 10001 bytes finds no room" in refused["reason"]
    assert "raise spool.max_bytes" in refused["remedy"]
