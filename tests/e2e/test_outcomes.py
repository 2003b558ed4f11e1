"""What Exchange answers, message by message and recipient by recipient, and what becomes of the mail then."""

from __future__ import annotations

import pytest

from relay.sandbox.faults import Fault
from relay.telemetry.fields import hashed
from tests.e2e.configuration import BUSY, COPIER, KEEPER, PERSON
from tests.e2e.device import LETTER


def hand_in(relay, *recipients, address=COPIER, message=LETTER, sender="mfp@device.test"):
    """One message from the device at that address; returns its id."""
    with relay.device(address) as device:
        device.hello()
        return device.deliver(*recipients, message=message, sender=sender)


def states(relay, name):
    """What became of each recipient, by address."""
    return {item["address"]: item["state"] for item in relay.queue("show", name)["recipients"]}


def test_all_recipients_go_in_one_envelope(relay, cloud, somebody):
    """Those that the header does not name as well: the envelope is what counts; one written twice gets one copy."""
    recipients = tuple(f"{n}-{somebody}" for n in range(40))
    hand_in(relay, *recipients, recipients[0])

    assert cloud.letter(recipients[7]).rcpt_to == recipients


def test_one_refused_recipient_does_not_fail_the_others(relay, cloud, somebody):
    """550 at RCPT: that recipient is failed with Exchange's words, the others have their mail, nobody gets it twice."""
    name = hand_in(relay, somebody, "rcptto-550@contoso.test", f"second-{somebody}")
    failed = relay.journal.wait("recipient.failed", id=name)
    relay.journal.wait("message.failed", id=name)

    assert failed["recipient"] == hashed("rcptto-550@contoso.test")
    assert "5.1.10 RESOLVER.ADR.RecipientNotFound" in failed["answer"]
    assert cloud.letter(somebody).rcpt_to == (somebody, f"second-{somebody}")
    assert states(relay, name) == {
        somebody: "delivered",
        f"second-{somebody}": "delivered",
        "rcptto-550@contoso.test": "failed",
    }


def test_a_recipient_refused_for_now_is_tried_again_alone(relay, cloud, somebody):
    """451 at RCPT: the others are not sent a second copy."""
    name = hand_in(relay, somebody, "rcptto-451@contoso.test")
    relay.journal.wait("message.deferred", id=name, count=3)

    assert cloud.has(somebody) == 1
    assert states(relay, name) == {somebody: "delivered", "rcptto-451@contoso.test": "pending"}


@pytest.mark.parametrize("stage", ["data", "final"])
def test_a_refused_message_is_failed_with_the_remedy(relay, somebody, stage):
    """552 to the message: it is not tried again, the journal says what it means and what to do."""
    name = hand_in(relay, somebody, f"{stage}-552@contoso.test")
    event = relay.journal.outcome(name)

    assert (event["event"], event["attempt"]) == ("message.failed", 1)
    assert event["answer"].startswith("552 5.3.4 Message size exceeds")
    assert event["meaning"]
    assert event["remedy"]


def test_a_full_mailbox_keeps_the_mail(relay, somebody):
    """554 5.2.2 is a matter of the mailbox, not of the message: it waits, with what to do."""
    event = relay.journal.outcome(hand_in(relay, somebody, "final-554@contoso.test"))

    assert event["event"] == "message.deferred"
    assert event["answer"].startswith("554 5.2.2 mailbox full")
    assert "box@contoso.test" in event["remedy"]


def test_a_passing_refusal_is_tried_again(relay, cloud, somebody):
    """451 to MAIL, twice: the third attempt arrives."""
    cloud.add(Fault(stage="mail", action="reply", count=2, mailbox="busy@contoso.test"))
    name = hand_in(relay, somebody, address=BUSY)

    assert relay.journal.wait("message.delivered", id=name)["attempt"] == 3
    assert "451 4.7.0" in relay.journal.seen("message.deferred", id=name)[0]["answer"]
    assert cloud.has(somebody) == 1


def test_a_throttled_mailbox_rests_and_delays_nobody_else(start, somebody):
    """432: the message waits for half a minute with the remedy, other mailboxes send on."""
    relay = start()
    name = hand_in(relay, "throttle@contoso.test", address=PERSON)
    event = relay.journal.wait("message.deferred", id=name)
    other = hand_in(relay, somebody)

    assert event["answer"].startswith("432 4.3.2 Concurrent connections limit exceeded")
    assert event["rule"] == "smtp.concurrent-limit"
    assert "mailboxes.person@contoso.test.sessions" in event["remedy"]
    assert relay.journal.wait("message.delivered", id=other)
    assert relay.queue("show", name)["state"] == "queued"


def test_a_lost_answer_is_in_doubt_and_the_same_message_goes_again(start, cloud, somebody):
    """The connection breaks behind the dot: uncertain, then sent again octet for octet, so that Exchange can tell."""
    relay = start()
    cloud.add(Fault(stage="final", action="drop", keep=True, count=1, mailbox="busy@contoso.test"))
    name = hand_in(relay, somebody, address=BUSY)
    doubt = relay.journal.wait("message.uncertain", id=name)
    relay.journal.wait("message.delivered", id=name)
    first, second = cloud.letters(somebody, 2)

    assert doubt["action"] == "retry"
    assert first.raw == second.raw
    assert first.header("Message-ID")


def test_a_lost_answer_may_be_held_for_the_operator(start, cloud, somebody):
    """`uncertain: hold`: it is not sent a second time, and shows in the queue."""
    relay = start(delivery={"uncertain": "hold"})
    cloud.add(Fault(stage="final", action="drop", keep=True, count=1, mailbox="busy@contoso.test"))
    name = hand_in(relay, somebody, address=BUSY)

    assert relay.journal.wait("message.uncertain", id=name)["action"] == "hold"
    assert [row["state"] for row in relay.queue("list")] == ["held"]
    assert cloud.has(somebody) == 1


def test_a_revoked_token_is_replaced_within_the_attempt(relay, cloud, somebody):
    """Every token handed out is refused from now on: a new one is fetched and the message goes at the first attempt."""
    hand_in(relay, f"before-{somebody}")
    cloud.letter(f"before-{somebody}")
    cloud.order(cloud.cloud.entra.revoke_tokens)
    name = hand_in(relay, somebody, address=BUSY)

    assert relay.journal.wait("message.delivered", id=name)["attempt"] == 1
    assert cloud.has(somebody) == 1


def test_a_token_at_its_end_is_not_used(start, cloud, somebody):
    """Tokens that live less than the grace time: each connection gets a new one, nothing is deferred."""
    relay = start(apps={"contoso": {"token_grace_s": 100_000}}, profiles={"box": {"messages_per_session": 1}})
    for n in (1, 2):
        hand_in(relay, f"{n}-{somebody}")
        cloud.letter(f"{n}-{somebody}")

    assert relay.journal.wait("token.fetched", count=2)
    assert not relay.journal.seen("message.deferred")


def test_person_shows_the_person_and_answers_reach_them(relay, cloud, somebody):
    """from: person sends as the mailbox, with the name of who scanned, and their address to reply to."""
    message = LETTER.replace(b"mfp@device.test", b'"Ann, 2nd floor" <ann@contoso.test>', 1)
    hand_in(relay, somebody, address=PERSON, message=message, sender="ann@contoso.test")
    letter = cloud.letter(somebody)

    assert letter.header("From") == '"Ann, 2nd floor" <person@contoso.test>'
    assert letter.header("Reply-To") == "<ann@contoso.test>"
    assert letter.header("X-Original-From") == '"Ann, 2nd floor" <ann@contoso.test>'
    assert letter.mail_from == "person@contoso.test"


def test_keep_without_the_right_waits_for_it(relay, cloud, somebody):
    """SendAsDenied is a matter of configuration: the mail is kept with the remedy, and goes when the right is given."""
    sender = f"someone-{somebody}"
    message = LETTER.replace(b"mfp@device.test", sender.encode())
    name = hand_in(relay, somebody, address=KEEPER, message=message, sender=sender)
    denied = relay.journal.wait("message.deferred", id=name)
    cloud.order(cloud.cloud.grant_send_as, "keep@contoso.test", sender)

    assert "SendAsDenied" in denied["answer"]
    assert sender in denied["remedy"]
    assert relay.journal.wait("message.delivered", id=name)
    assert cloud.letter(somebody).header("From") == sender
