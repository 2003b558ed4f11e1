"""High Volume Email and the connector, through a running relay."""

from __future__ import annotations

import pytest

from relay.sandbox.faults import Fault
from relay.telemetry.fields import hashed
from tests.e2e import corpus, stories
from tests.e2e.configuration import configuration, write
from tests.e2e.pretend import MAILBOXES, PretendCloud
from tests.e2e.running import RunningRelay
from tests.e2e.test_ways import LETTER, OURS, by_graph, sent

ALERTS = "alerts@contoso.test"
OUTSIDE = "x@fabrikam.test"


@pytest.fixture(scope="module")
def cloud():
    """A pretend Microsoft 365 with a High Volume Email account."""
    with PretendCloud(hve_accounts=(ALERTS,), mailboxes=(*MAILBOXES, ALERTS)) as running:
        yield running


@pytest.fixture(scope="module")
def identity(cloud):
    """The certificate the connector knows."""
    return cloud.order(cloud.cloud.client_certificate, "relay.contoso.test")


def by_hve(cloud, **more):
    at = cloud.settings
    endpoint = {"host": at.hve_host, "port": at.hve_port, "ca_file": str(at.ca_file)}
    return {"transport": "hve", "mailbox": ALERTS, "endpoint": endpoint, "internal_domains": ["contoso.test"], **more}


def by_connector(cloud, identity=None, **more):
    at = cloud.settings
    connector = {"host": at.connector_host, "port": at.connector_port, "ca_file": str(at.ca_file)}
    if identity is not None:
        connector |= {"certificate": {"file": str(identity.certificate)}, "private_key": {"file": str(identity.key)}}
    return {"transport": "connector", "connector": connector, **more}


@pytest.fixture(scope="module", params=["hve", "connector"])
def other_relay(request, cloud, identity, tmp_path_factory):
    """A relay whose profile box leaves by that way."""
    way = by_hve(cloud) if request.param == "hve" else by_connector(cloud, identity)
    directory = tmp_path_factory.mktemp(request.param)
    settings = configuration(cloud, directory, profiles={"box": way})
    with RunningRelay(write(directory / "relay.yaml", settings)) as running:
        yield request.param, running
        assert running.stop() == 0, running.journal.tail()
        assert running.stderr == ""


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_a_message_arrives_by_the_other_ways_too(other_relay, cloud, somebody, path):
    """The same body, everybody once, by the door that was asked for."""
    kind, relay = other_relay
    raw, story = path.read_bytes(), stories.of(path)
    relay.journal.wait("message.delivered", id=sent(relay, somebody, f"bcc-{somebody}", message=corpus.sendable(raw)))
    letter = cloud.letter(somebody)

    assert letter.door == kind
    assert letter.rcpt_to == (somebody, f"bcc-{somebody}")
    stories.assert_same_body(letter.raw, story.told(corpus.normal(raw)))


# -- High Volume Email


def test_recipients_outside_are_refused_by_name_and_the_others_get_their_mail(start, cloud, somebody):
    """The remedy names the setting."""
    relay = start(profiles={"box": by_hve(cloud)})
    name = sent(relay, somebody, OUTSIDE, message=LETTER % somebody.encode())
    failed = relay.journal.wait("recipient.failed", id=name)

    assert (failed["recipient"], failed["rule"]) == (hashed(OUTSIDE), "relay.hve-external")
    assert cloud.letter(somebody).rcpt_to == (somebody,)


def test_recipients_outside_leave_by_the_fallback(start, cloud, somebody):
    """Each gets one copy, by the way that takes it."""
    outside = f"{somebody.partition('@')[0]}@fabrikam.test"
    relay = start(profiles={"box": by_hve(cloud, fallback="graph", graph=by_graph(cloud)["graph"])})
    relay.journal.wait("message.delivered", id=sent(relay, somebody, outside, message=LETTER % somebody.encode()))

    assert (cloud.letter(somebody).door, cloud.letter(outside).door) == ("hve", "graph")
    assert cloud.letter(outside).rcpt_to == (outside,)


def test_a_token_about_to_end_costs_one_more_sign_in(start, cloud, somebody):
    """501 5.5.127 is answered with a new token, not with a pause."""
    relay = start(profiles={"box": by_hve(cloud)})
    said = "501 5.5.127 Invalid XOAUTH2 auth data - Token will expire soon"
    cloud.add(Fault(stage="auth", action="reply", reply=said, count=1))
    relay.journal.wait("message.delivered", id=sent(relay, somebody, message=LETTER % somebody.encode()))

    assert not relay.journal.seen("profile.paused")
    assert len(relay.journal.seen("token.fetched")) == 2


# -- the connector


def test_a_certificate_nobody_registered_keeps_the_mail(start, cloud, somebody):
    """550 5.7.64 is the configuration's fault: nothing bounces, and once it is registered the mail goes."""
    stranger = cloud.order(cloud.cloud.client_certificate, "unknown.contoso.test")
    relay = start(profiles={"box": by_connector(cloud, stranger)})
    name = sent(relay, somebody, message=LETTER % somebody.encode())
    paused = relay.journal.wait("profile.paused")
    cloud.order(cloud.cloud.register_connector, "unknown.contoso.test")
    relay.journal.wait("message.delivered", id=name)

    assert "5.7.64" in paused["answer"]
    assert not relay.journal.seen("message.failed")
    assert not relay.journal.seen("token.fetched")
