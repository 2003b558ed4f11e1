"""`answer: delivered` on the whole way: the device hears what Exchange said; and a stranger is found in the list."""

from __future__ import annotations

import json

from tests import forked
from tests.e2e.configuration import COPIER, configuration, write
from tests.e2e.device import LETTER, dotted
from tests.e2e.pretend import PretendCloud
from tests.e2e.running import RunningRelay

WAITING = {"devices": {"copier": {"answer": "delivered", "answer_within_s": 15}}}
NOBODY = "127.0.9.9"


def hand_in(relay, *recipients, address=COPIER):
    """One message; the answer to its end."""
    with relay.device(address) as device:
        device.hello()
        device.address(*recipients)
        return device.pour(LETTER)


def test_the_device_hears_what_exchange_said(start, cloud, somebody):
    """Delivered, refused for good, refused for one of two, refused for now: in this order."""
    relay = start(**WAITING)
    with relay:
        assert hand_in(relay, somebody).startswith("250 2.0.0 Ok: delivered, queued as ")
        refused = hand_in(relay, "final-552@contoso.test")
        partly = hand_in(relay, f"second-{somebody}", "rcptto-550@contoso.test")
        later = hand_in(relay, "final-451@contoso.test")
        relay.stop()

    assert refused.startswith("552 5.3.4 ")
    assert "Message size exceeds" in refused
    assert relay.journal.seen("message.failed", attempt=1)
    assert partly.endswith("; 1 of 2 recipients accepted")
    assert later.startswith("250 2.0.0 Ok: queued as ")
    assert cloud.has(somebody) == 1


def test_a_refused_message_is_settled_and_not_tried_again(start, somebody):
    """The device shows the error; the queue holds nothing that would still be sent."""
    with start(**WAITING) as relay:
        assert hand_in(relay, "final-552@contoso.test").startswith("552")
        failed = relay.journal.wait("message.failed")
        assert relay.queue("list") == []
        assert relay.queue("show", failed["id"])["state"] == "failed"


def test_with_exchange_down_the_device_is_not_kept(start, cloud, somebody):
    """Nobody answers, the message is safe: 250 after the first attempt, and it arrives when there is somebody."""
    nowhere = {"endpoint": {"port": 1}}
    with start(profiles={"box": nowhere}, **WAITING) as relay:
        assert hand_in(relay, somebody).startswith("250 2.0.0 Ok: queued as ")
        assert relay.journal.wait("message.deferred")
    with start(**WAITING):
        assert cloud.letter(somebody).rcpt_to == (somebody,)


def test_a_device_that_gave_up_waiting_has_its_mail_delivered_once(start, cloud, somebody):
    """Whatever became of the device, the message is one message."""
    with start(**WAITING) as relay:
        device = relay.device(COPIER)
        device.hello()
        device.address(somebody)
        assert device.ask("DATA").startswith("354")
        device.send(dotted(LETTER))
        device.reset()
        relay.journal.wait("message.delivered")
        relay.stop()
    assert cloud.has(somebody) == 1


def test_an_answer_that_comes_after_the_wait_is_the_relays_own_affair(tmp_path, somebody):
    """The device has gone on with 250: what is delivered arrives once, what is refused then has failed and is told."""
    patient = {"devices": {"copier": {"answer": "delivered", "answer_within_s": 0.2}}}
    with PretendCloud(reply_delay_s=0.2) as cloud:
        config = write(tmp_path / "relay.yaml", configuration(cloud, tmp_path, **patient))
        with RunningRelay(config) as relay:
            queued = hand_in(relay, somebody)
            refused = hand_in(relay, "final-552@contoso.test")
            delivered = relay.journal.wait("message.delivered")
            failed = relay.journal.wait("message.failed")
            relay.stop()
        assert cloud.has(somebody) == 1

    assert queued == f"250 2.0.0 Ok: queued as {delivered['id']}"
    assert refused == f"250 2.0.0 Ok: queued as {failed['id']}"
    assert (delivered["attempt"], failed["attempt"]) == (1, 1)


def test_a_stranger_is_refused_and_can_be_looked_up(start):
    """Also after the relay has stopped."""
    with start() as relay:
        with relay.device(NOBODY) as device:
            device.hello("EHLO new-copier")
            assert device.ask("MAIL FROM:<x@y.test>").startswith("530 ")
        assert relay.stop() == 0
        rows = json.loads(forked.output("device", "refused", "--json", "--config", str(relay.config)))
    assert [(row["address"], row["helo"], row["count"]) for row in rows] == [(NOBODY, "new-copier", 1)]
