"""How a message, a connection and the process may end, and what is left then."""

from __future__ import annotations

import signal
import socket
from contextlib import suppress

import pytest

from relay.sandbox.faults import Fault
from tests.e2e.configuration import BUSY, COPIER
from tests.e2e.device import LETTER, dotted, queued_as, scan


def files_of(relay):
    """Bodies, whole or begun, in the spool's directory."""
    return sorted(path.name for path in (relay.config.parent / "data/spool/bodies").iterdir())


# -- the device leaves


@pytest.mark.parametrize("message", [LETTER, scan(300_000)], ids=["small", "large"])
@pytest.mark.parametrize("way", ["half", "whole", "tls"])
def test_a_device_that_leaves_right_after_the_dot_has_sent_its_message(relay, cloud, somebody, message, way):
    """It closes without waiting for the answer, one half, both, or its end of TLS: the message is delivered, once."""
    with relay.device(COPIER, door="implicit" if way == "tls" else "plain") as device:
        device.hello()
        device.address(somebody)
        device.ask("DATA")
        device.send(dotted(message))
        if way == "half":
            device.socket.shutdown(socket.SHUT_WR)
            queued_as(device.reply())
        if way == "tls":
            with suppress(OSError):  # the relay may answer the message before it answers the goodbye
                device.socket.unwrap()
    letter = cloud.letter(somebody)

    assert letter.body == message.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("door", ["plain", "implicit"])
@pytest.mark.parametrize("size", [1000, 400_000])
@pytest.mark.parametrize("way", ["reset", "close"])
def test_a_device_that_vanishes_within_a_message_has_sent_nothing(relay, cloud, somebody, door, size, way):
    """No dot, no message: nothing is delivered, and no file stays behind."""
    place = len(relay.journal.events)
    with relay.device(COPIER, door=door) as device:
        device.hello()
        device.address(somebody)
        device.ask("DATA")
        device.send(scan(size) + b"and then")
        device.reset() if way == "reset" else device.socket.close()
    relay.journal.wait("session.broken", after=place)

    with relay.device(COPIER) as device:
        device.hello()
        after = device.deliver(f"after-{somebody}")
    relay.journal.wait("message.delivered", id=after)
    assert cloud.has(somebody) == 0
    assert not [
        item for item in relay.journal.events[place:] if item["event"] == "message.stored" and item["id"] != after
    ]
    assert not [name for name in files_of(relay) if name.endswith(".part")]


# -- the process stops


def test_sigterm_lets_a_message_in_hand_finish(start, cloud, somebody):
    """The device that is within DATA sends on, hears 250, and the process ends with 0; the next start delivers."""
    relay = start()
    with relay.device(COPIER) as device, relay.device(COPIER) as idle:
        idle.hello()
        device.hello()
        device.address(somebody)
        device.ask("DATA")
        device.send(scan(200_000))
        relay.terminate()
        told = idle.reply()
        device.send(b"the rest\r\n.\r\n")
        name = queued_as(device.reply())
        assert relay.ended() == 0

    assert told.startswith("421 4.3.2 The relay is stopping")
    assert relay.journal.wait("relay.stopped")["sessions_cut"] == 0
    start()
    assert cloud.letter(somebody).body.endswith(b"\r\nthe rest\r\n")
    assert name.encode() in cloud.letter(somebody).raw


def test_sigterm_cuts_a_device_that_does_not_come_to_an_end(start, cloud, somebody):
    """Behind the deadline the connection is cut, nothing of the half message stays, and the process ends with 0."""
    relay = start(delivery={"stop_deadline_s": 0.3})
    with relay.device(COPIER) as device:
        device.hello()
        device.address(somebody)
        device.ask("DATA")
        device.send(scan(200_000))
        assert relay.stop() == 0

    assert relay.journal.wait("relay.stopped")["sessions_cut"] == 1
    assert files_of(relay) == []


def test_sigterm_lets_an_attempt_in_hand_finish(start, cloud, somebody):
    """Exchange answers while the relay waits to stop: it is delivered, and the next start does not send it again."""
    relay = start()
    already = cloud.strikes("final")
    fault = cloud.add(Fault(stage="final", action="hang", count=1, mailbox="busy@contoso.test"))
    with relay.device(BUSY) as device:
        device.hello()
        name = device.deliver(somebody)
    cloud.struck("final", already + 1)
    relay.terminate()
    cloud.remove(fault)

    assert relay.ended() == 0
    assert relay.journal.wait("message.delivered", id=name)
    assert relay.journal.wait("relay.stopped")["attempts_cut"] == 0
    assert start().queue("list") == []
    assert cloud.has(somebody) == 1


def test_a_reload_that_comes_while_the_relay_stops_is_none(start, cloud, somebody):
    """SIGHUP behind SIGTERM, an attempt still in hand: nothing is taken up any more, and it ends in order."""
    relay = start()
    already = cloud.strikes("final")
    fault = cloud.add(Fault(stage="final", action="hang", count=1, mailbox="busy@contoso.test"))
    with relay.device(BUSY) as device:
        device.hello()
        name = device.deliver(somebody)
    cloud.struck("final", already + 1)
    relay.terminate()
    relay.hang_up()
    cloud.remove(fault)

    assert relay.ended() == 0
    assert relay.journal.seen("message.delivered", id=name)
    assert not relay.journal.seen("config.reloaded")
    assert not relay.journal.seen("relay.mistake")


def test_sigterm_cuts_an_attempt_that_does_not_come_to_an_end(start, cloud, somebody):
    """Behind the deadline the attempt counts as in doubt: the next start sends the same message, with the same id."""
    relay = start(delivery={"stop_deadline_s": 0.3})
    already = cloud.strikes("final")
    fault = cloud.add(Fault(stage="final", action="hang", keep=True, count=1, mailbox="busy@contoso.test"))
    with relay.device(BUSY) as device:
        device.hello()
        device.deliver(somebody)
    cloud.struck("final", already + 1)
    assert relay.stop() == 0
    cloud.remove(fault)

    assert relay.journal.wait("relay.stopped")["attempts_cut"] == 1
    start()
    letters = cloud.letters(somebody, 2)
    assert letters[0].raw == letters[1].raw


def test_a_killed_relay_goes_on_where_it_was(start, cloud, somebody):
    """SIGKILL between acceptance and delivery: the next start delivers what was answered with 250."""
    cloud.wait(cloud.cloud.exchange_down())
    relay = start()
    with relay.device(COPIER) as device:
        device.hello()
        for _ in range(3):
            device.deliver(somebody, message=scan(100_000))
    relay.process.send_signal(signal.SIGKILL)
    relay.ended()
    cloud.wait(cloud.cloud.exchange_up())
    start()

    assert len(cloud.letters(somebody, 3)) == 3


def test_a_second_relay_on_the_same_spool_is_refused(start, cloud):
    """Two processes would send everything twice: the second one ends with 69 and says why."""
    first = start()
    with pytest.raises(pytest.fail.Exception, match=r"another relay works on the spool"):
        start()
    assert first.process.poll() is None
