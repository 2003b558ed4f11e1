"""What devices do and say, from the first octet to what arrives."""

from __future__ import annotations

from tests.e2e.configuration import COPIER


def test_a_message_goes_all_the_way(relay, cloud, somebody):
    """One letter from the copier's address is found in the mailbox of the pretend Exchange."""
    with relay.device(COPIER) as device:
        device.hello()
        name = device.deliver(somebody)
    letter = cloud.letter(somebody)

    assert letter.body == b"Hello\r\n"
    assert relay.journal.wait("message.delivered", id=name)["device"] == "copier"
