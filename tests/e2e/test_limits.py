"""Limits of Exchange that the relay keeps, limits of its own that devices meet, and services that offer less."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.e2e.configuration import BUSY, COPIER, configuration, write
from tests.e2e.device import LETTER, scan
from tests.e2e.pretend import PretendCloud
from tests.e2e.running import RunningRelay


def test_a_mailbox_never_has_more_sessions_than_it_may(tmp_path):
    """An Exchange that allows two, slow enough that a third would be wanted: sixty messages, never a 432."""
    with PretendCloud(sessions_per_mailbox=2, reply_delay_s=0.01) as cloud:
        config = write(tmp_path / "relay.yaml", configuration(cloud, tmp_path))
        with RunningRelay(config) as relay, relay.device(COPIER) as device:
            device.hello()
            for _ in range(60):
                device.deliver("all@contoso.test")
            cloud.letters("all@contoso.test", 60)

            assert not relay.journal.seen("message.deferred")
            assert cloud.cloud.stats()["sign_ins"] <= 4


def test_the_messages_of_a_minute_are_kept(start, cloud, somebody):
    """Two a minute, evenly: of five messages four wait for half minutes, another mailbox does not."""
    relay = start(mailboxes={"busy@contoso.test": {"messages_per_minute": 2}})
    for n in range(5):
        with relay.device(BUSY) as device:
            device.hello()
            device.deliver(f"{n}-{somebody}")
    relay.journal.wait("message.delivered", mailbox="busy@contoso.test")
    with relay.device(COPIER) as device:
        device.hello()
        relay.journal.wait("message.delivered", id=device.deliver(somebody))

    assert len(relay.journal.seen("message.delivered", mailbox="busy@contoso.test")) == 1
    assert not relay.journal.seen("message.deferred")
    assert [row["state"] for row in relay.queue("list")] == ["queued"] * 4


@pytest.mark.parametrize("offer", [{"chunking": False}, {"pipelining": False}], ids=lambda offer: next(iter(offer)))
def test_an_exchange_that_offers_less_gets_the_same_octets(tmp_path, offer):
    """Without CHUNKING or PIPELINING: small and large, dots and all."""
    dots = b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n\r\n.\r\n"
    with PretendCloud(**offer) as cloud:
        config = write(tmp_path / "relay.yaml", configuration(cloud, tmp_path))
        with RunningRelay(config) as relay, relay.device(COPIER) as device:
            device.hello()
            for name, message in {"dots": dots, "scan": scan(500_000)}.items():
                device.deliver(f"{name}@contoso.test", message=message)
                assert cloud.letter(f"{name}@contoso.test").body == message.partition(b"\r\n\r\n")[2]


def test_too_many_recipients_are_told_one_by_one(start, cloud, somebody):
    """452 for those above the limit, the message goes to the others."""
    relay = start(intake={"max_recipients": 3})
    with relay.device(COPIER) as device:
        device.hello()
        device.ask("MAIL FROM:<mfp@device.test>")
        replies = [device.ask(f"RCPT TO:<{n}-{somebody}>")[:9] for n in range(5)]
        device.pour(LETTER)

    assert replies == ["250 2.1.5"] * 3 + ["452 4.5.3"] * 2
    assert len(cloud.letter(f"0-{somebody}").rcpt_to) == 3


def test_too_many_sessions_are_told_to_come_again(start):
    """421 at the greeting above the limit; a session that ends makes room."""
    relay = start(intake={"max_sessions": 3})
    with ExitStack() as stack:
        held = [stack.enter_context(relay.device(COPIER)) for _ in range(3)]
        assert {device.reply()[:3] for device in held} == {"220"}
        with relay.device(COPIER) as fourth:
            refused = fourth.finish()
        held[0].ask("QUIT")
        held[0].finish()
        with relay.device(COPIER) as fifth:
            assert fifth.reply().startswith("220 ")

    assert refused == "421 4.7.0 Too many connections, try again later"


def test_who_says_nothing_is_let_go(start, cloud, somebody):
    """An idle session and one silent within its message both end with 421; nothing half is delivered."""
    relay = start(intake={"command_timeout_s": 0.3, "data_timeout_s": 0.3})
    with relay.device(COPIER) as idle, relay.device(COPIER) as halfway:
        idle.hello()
        halfway.hello()
        halfway.address(somebody)
        halfway.ask("DATA")
        halfway.send(scan(100_000))

        assert idle.finish() == "421 4.4.2 Timeout, closing"
        assert halfway.finish() == "421 4.4.2 Timeout, closing"
    assert relay.journal.wait("session.broken")
    assert relay.queue("list") == []
    assert cloud.has(somebody) == 0
