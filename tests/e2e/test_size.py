"""Large messages: refused when too large, otherwise moved through little memory."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.e2e.configuration import COPIER, KEEPER, PERSON
from tests.e2e.device import LETTER, queued_as, scan

LIMIT = 40_000_000
HEADROOM_KIB = 24 * 1024


def test_too_large_is_refused_when_announced(relay):
    """552 at MAIL, before an octet of the scan has travelled; the device's panel can show the text."""
    with relay.device(COPIER) as device:
        offer = device.hello()
        reply = device.ask(f"MAIL FROM:<a@b.test> SIZE={LIMIT + 1}")

    assert f"SIZE {LIMIT}" in offer
    assert reply == f"552 5.3.4 Message too large, at most {LIMIT} bytes; scan with a lower resolution"


def test_too_large_is_refused_at_the_end_of_data(start, somebody, cloud):
    """A device that announced nothing is read to its end, hears 552, and goes on in the same session."""
    relay = start(intake={"max_message_size": 200_000})
    with relay.device(COPIER) as device:
        device.hello()
        device.address(somebody)
        reply = device.pour(scan(1_000_000))
        device.deliver(somebody, message=LETTER)

    assert reply.startswith("552 5.3.4 Message too large, at most 200000 bytes")
    assert relay.journal.wait("client.refused", device="copier")["option"] == "intake.max_message_size"
    assert cloud.letter(somebody).body == b"Hello\r\n"
    assert not list((Path(relay.config.parent) / "data/spool/bodies").iterdir())


def test_the_largest_message_arrives_octet_for_octet(relay, cloud, somebody):
    """30 MB come, are stored and leave, and the relay never holds more than a small part of them."""
    message = scan(30_000_000)
    _forget_peak(relay)
    before = relay.memory_kib("VmHWM")
    with relay.device(COPIER, door="starttls") as device:
        device.hello()
        device.deliver(somebody, message=message)
    letter = cloud.letter(somebody)
    grown = relay.memory_kib("VmHWM") - before

    assert letter.raw.endswith(message.partition(b"\r\n\r\n")[2])
    assert grown < HEADROOM_KIB, f"{grown} KiB more"


def test_three_large_messages_at_once_cost_no_more(relay, cloud, somebody):
    """Three devices, three mailboxes, 15 MB each at the same time."""
    message = scan(15_000_000)
    _forget_peak(relay)
    before = relay.memory_kib("VmHWM")
    names: list[str] = []

    def send(address):
        with relay.device(address) as device:
            device.hello()
            device.address(f"{address}-{somebody}", sender="keep@contoso.test")
            names.append(queued_as(device.pour(message.replace(b"mfp@device.test", b"keep@contoso.test"))))

    threads = [threading.Thread(target=send, args=(address,)) for address in (COPIER, KEEPER, PERSON)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for address in (COPIER, KEEPER, PERSON):
        assert cloud.letter(f"{address}-{somebody}").size > 15_000_000 - 100
    grown = relay.memory_kib("VmHWM") - before

    assert len(names) == 3
    assert grown < HEADROOM_KIB, f"{grown} KiB more"


def _forget_peak(relay):
    """VmHWM starts anew from what is held now (proc(5), clear_refs)."""
    Path(f"/proc/{relay.pid}/clear_refs").write_text("5")
