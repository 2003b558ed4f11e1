"""Every message of the corpus arrives as it was sent, but for what the relay promises to add and to repair."""

from __future__ import annotations

import random

import pytest

from relay.sandbox.letter import senders
from tests.e2e import corpus, stories
from tests.e2e.configuration import COPIER, KEEPER, PERSON
from tests.e2e.corpus import Parts, Way
from tests.e2e.device import dotted, queued_as
from tests.e2e.stories import Story

SENDER = "mfp@device.test"
WAYS = {
    COPIER: Way("mailbox", "box@contoso.test", SENDER),
    KEEPER: Way("keep", "keep@contoso.test", SENDER),
    PERSON: Way("person", "person@contoso.test", SENDER),
}
PROMISED = {
    "line-ends", "date-added", "message-id-added", "from-added", "from-replaced", "reply-to-added", "sender-added",
    "sender-set-aside",
}  # fmt: skip
MESSAGES = pytest.mark.parametrize("path", corpus.files(), ids=lambda path: path.name)
POLICIES = pytest.mark.parametrize("address", WAYS, ids=lambda address: WAYS[address].policy)


def grant(cloud, way, message):
    """With `keep`, the administrator gives Send As for whom the devices claim to be; False when that can't help."""
    if way.policy != "keep":
        return True
    authors, sender = senders(message)
    for address in [SENDER, *authors, *filter(None, [sender])]:
        cloud.order(cloud.cloud.grant_send_as, way.mailbox, address)
    no_from = not Parts.of(message).has(b"From")
    return no_from or len(authors) == 1 or bool(authors and sender)


@MESSAGES
@POLICIES
def test_a_message_arrives_as_it_is_in_the_file(relay, cloud, somebody, path, address):
    """With the line ends of the file, bare ones too: octet by octet where no repair is needed, else it says the same.

    Each repair is in the journal, and each change of the header is one of them or one of the policy.
    """
    raw, way, story = path.read_bytes(), WAYS[address], stories.of(path)
    message = story.told(corpus.normal(raw))
    possible = grant(cloud, way, message)
    with relay.device(address) as device:
        device.hello("HELO")
        name = device.deliver(somebody, f"bcc-{somebody}", message=corpus.sendable(raw), sender=SENDER)
    if not possible:
        assert "SendAs" not in relay.journal.wait("message.failed", id=name)["answer"]
        return
    outcome = relay.journal.outcome(name)
    assert outcome["event"] == "message.delivered", outcome["answer"][:300]
    letter = cloud.letter(somebody)
    sent, arrived = Parts.of(message), Parts.of(letter.raw)
    section = corpus.without_promised(arrived, sent, way)
    told = relay.journal.wait("message.received", id=name)

    assert set(told["changes"]) - PROMISED == set(story.repairs)
    assert tuple(told.get("left", ())) == story.left
    if not story.repairs:
        assert (section, arrived.body) == (sent.section, sent.body)
    stories.assert_same_header(section + b"\r\n" + arrived.body, message, story)
    stories.assert_same_body(letter.raw, message)
    stories.assert_fit(letter.raw, story)
    assert letter.rcpt_to == (somebody, f"bcc-{somebody}")


@pytest.mark.parametrize("size", [1000, 65_500, 65_600, 131_000, 131_100, 700_000])
@pytest.mark.parametrize("seed", range(4))
def test_octets_of_every_kind_arrive_however_the_network_cuts_them(relay, cloud, somebody, size, seed):
    """Dots, empty lines, NUL, all octets, long lines, in pieces of any length, around each size where paths fork."""
    chance = random.Random(seed)
    atoms = [b"\r\n", b".", b"..", b"\r\n.", b"\r\n..\r\n", b"\0", bytes(range(14, 256)), b"x" * 5000, b" "]
    body = b""
    while len(body) < size:
        body += chance.choice(atoms)
    message = b"Subject: octets\r\n\r\n" + body + b"\r\n"
    with relay.device(COPIER) as device:
        device.hello()
        device.address(somebody)
        device.ask("DATA")
        octets = dotted(message)
        while octets:
            cut = chance.choice([1, 2, 3, 100, 1460, 65_536, 200_000])
            device.send(octets[:cut])
            octets = octets[cut:]
        queued_as(device.reply())

    arrived = cloud.letter(somebody).raw
    stories.assert_fit(arrived, Story())
    assert stories.leaves(arrived) == [("text/plain", body + b"\r\n")]
