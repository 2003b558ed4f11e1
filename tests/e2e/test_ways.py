"""Mail by each transport, from a device to the mailbox, through a running relay and the pretend Microsoft 365."""

from __future__ import annotations

import time

import pytest

from relay.sandbox.faults import Fault
from tests.e2e import corpus, stories
from tests.e2e.configuration import BUSY, COPIER, configuration, write
from tests.e2e.corpus import Parts
from tests.e2e.device import scan
from tests.e2e.running import RunningRelay

OURS = sorted((corpus.HERE / "messages").iterdir())
LETTER = b"From: mfp@device.test\r\nTo: %b\r\nSubject: a scan\r\n\r\nHello\r\n"
BOX = "box@contoso.test"
SMTP_AUTH_OFF = Fault(
    stage="auth",
    action="reply",
    reply="535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
)


def by_graph(cloud, **more):
    """What makes a profile send by the pretend Graph."""
    at = cloud.settings
    return {"transport": "graph", "graph": {"url": at.graph_url, "ca_file": str(at.ca_file)}, **more}


@pytest.fixture(scope="module")
def graph_relay(cloud, tmp_path_factory):
    """A relay whose profile box leaves by Graph."""
    directory = tmp_path_factory.mktemp("graph")
    settings = configuration(cloud, directory, profiles={"box": by_graph(cloud)})
    with RunningRelay(write(directory / "relay.yaml", settings)) as running:
        yield running
        assert running.stop() == 0, running.journal.tail()
        assert running.stderr == ""


def sent(relay, *recipients, message, address=COPIER):
    """Hands in a message; its id."""
    with relay.device(address) as device:
        device.hello()
        return device.deliver(*recipients, message=message)


# -- Graph


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_a_message_arrives_by_graph_as_it_does_by_smtp(graph_relay, cloud, somebody, path):
    """Whatever a device wrote: the same body, everybody once, nobody who stands in a header only."""
    raw, story = path.read_bytes(), stories.of(path)
    name = sent(graph_relay, somebody, f"bcc-{somebody}", message=corpus.sendable(raw))
    delivered = graph_relay.journal.wait("message.delivered", id=name)
    letter = cloud.letter(somebody)

    assert delivered["answer"].startswith("250 2.0.0 HTTP 202 Accepted, request-id ")
    assert sorted(letter.rcpt_to) == sorted([somebody, f"bcc-{somebody}"])
    stories.assert_same_body(letter.raw, story.told(corpus.normal(raw)))
    assert not Parts.of(letter.raw).has(b"Bcc")


def test_who_stands_in_the_header_keeps_the_place_and_the_others_are_hidden(graph_relay, cloud, somebody):
    """The head of the message is that of the device, octet for octet behind what the relay always adds."""
    sent(graph_relay, somebody, f"bcc-{somebody}", message=LETTER % somebody.encode())
    letter = cloud.letter(f"bcc-{somebody}")

    assert letter.header("To") == somebody
    assert letter.raw.endswith(b"\r\n\r\nHello\r\n")


def test_a_device_that_sends_one_copy_each_causes_no_second_one(graph_relay, cloud, somebody):
    """Both copies name both in To; each recipient is mailed once."""
    both = LETTER % f"{somebody}, other-{somebody}".encode()
    names = [sent(graph_relay, each, message=both) for each in (somebody, f"other-{somebody}")]
    for name in names:
        graph_relay.journal.wait("message.delivered", id=name)

    assert (cloud.has(somebody), cloud.has(f"other-{somebody}")) == (1, 1)
    assert cloud.letter(somebody).header("X-Original-To") == f"{somebody}, other-{somebody}"


def test_a_scan_too_large_for_graph_fails_and_says_what_to_do(graph_relay, somebody):
    """3 MB: nothing was sent, and the remedy names the setting that would have helped."""
    name = sent(graph_relay, somebody, message=scan(3_200_000))
    failed = graph_relay.journal.wait("message.failed", id=name)

    assert failed["rule"] == "relay.graph-too-big"
    assert "at most 3145728" in failed["answer"]
    assert "fallback" in failed["remedy"]


def test_a_large_scan_leaves_by_smtp_where_that_is_the_fallback(start, cloud, somebody):
    """And a small one by Graph, from the same profile."""
    more = {"fallback": "smtp", "graph": {**by_graph(cloud)["graph"], "too_big": "fallback"}}
    relay = start(profiles={"box": by_graph(cloud) | more})
    large = scan(3_200_000)
    relay.journal.wait("message.delivered", id=sent(relay, somebody, message=large))
    relay.journal.wait("message.delivered", id=sent(relay, f"small-{somebody}", message=LETTER % somebody.encode()))

    assert cloud.letter(somebody).via in ("DATA", "BDAT")
    assert cloud.letter(somebody).raw.endswith(large.partition(b"\r\n\r\n")[2])
    assert cloud.letter(f"small-{somebody}").via == "graph"


def test_throttling_is_obeyed_and_nothing_is_lost(start, cloud, somebody):
    """429 with Retry-After: the mailbox rests so long."""
    relay = start(profiles={"box": by_graph(cloud)})
    cloud.add(Fault(stage="graph", action="http", status=429, retry_after=1, count=1, mailbox=BOX))
    name = sent(relay, somebody, message=LETTER % somebody.encode())
    deferred = relay.journal.wait("message.deferred", id=name)
    relay.journal.wait("message.delivered", id=name)

    assert (deferred["rule"], deferred["next_in_s"]) == ("graph.throttled", 1)
    assert cloud.letter(somebody)


def test_an_app_without_the_right_keeps_the_mail(start, cloud, somebody):
    """403: the profile pauses with the remedy; given the right, the mail goes."""
    relay = start(profiles={"busy": by_graph(cloud)})
    cloud.order(cloud.cloud.revoke_mailbox, "busy@contoso.test")
    try:
        name = sent(relay, somebody, message=LETTER % somebody.encode(), address=BUSY)
        paused = relay.journal.wait("profile.paused", profile="busy")
    finally:
        cloud.order(cloud.cloud.grant_mailbox, "busy@contoso.test")
    relay.journal.wait("message.delivered", id=name)

    assert paused["rule"] == "graph.access-denied"
    assert "busy@contoso.test" in paused["remedy"]


def test_a_lost_answer_of_graph_is_a_doubt_and_not_a_storm(start, cloud, somebody):
    """It was taken, the answer was lost: held, as configured, and not sent again."""
    relay = start(profiles={"box": by_graph(cloud)}, delivery={"uncertain": "hold"})
    cloud.add(Fault(stage="graph", action="drop", keep=True, count=1, mailbox=BOX))
    name = sent(relay, somebody, message=LETTER % somebody.encode())
    uncertain = relay.journal.wait("message.uncertain", id=name)

    assert uncertain["action"] == "hold"
    assert cloud.has(somebody) == 1


# -- the fallback


def test_smtp_switched_off_leaves_by_graph_until_it_is_on_again(start, cloud, somebody):
    """The story of the end of December: nobody waits, the journal says what to do, and SMTP comes back by itself."""
    graph = by_graph(cloud)["graph"]
    relay = start(profiles={"box": {"fallback": "graph", "graph": graph}})
    off = cloud.add(SMTP_AUTH_OFF)
    try:
        name = sent(relay, somebody, message=LETTER % somebody.encode())
        relay.journal.wait("message.delivered", id=name)
        fallback = relay.journal.wait("delivery.fallback", profile="box")
    finally:
        cloud.remove(off)
    names = []
    while not relay.journal.seen("delivery.fallback_ended"):
        time.sleep(0.1)
        names.append(sent(relay, f"n{len(names)}-{somebody}", message=LETTER % somebody.encode()))
        relay.journal.wait("message.delivered", id=names[-1])

    assert cloud.letter(somebody).via == "graph"
    assert (fallback["transport"], fallback["fallback"], fallback["rule"]) == (
        "smtp",
        "graph",
        "smtp.auth-disabled-tenant",
    )
    assert "Set-CASMailbox" in fallback["remedy"]
    assert cloud.letter(f"n{len(names) - 1}-{somebody}").via != "graph"
    assert [cloud.has(f"n{number}-{somebody}") for number in range(len(names))] == [1] * len(names)
    assert not relay.journal.seen("message.deferred")
