"""Notices on the whole way: mail fails or is late, and the people who have to know have it in their mailbox."""

from __future__ import annotations

import email
import email.policy
from typing import TYPE_CHECKING, Any

from relay.sandbox.faults import Fault
from tests.e2e.configuration import BUSY, COPIER
from tests.e2e.device import LETTER

if TYPE_CHECKING:
    from email.message import EmailMessage

    from relay.sandbox.mailbox import Arrived

REFUSED = "rcptto-550@contoso.test"


def telling(somebody: str, **options: Any) -> dict[str, Any]:
    """A configuration whose copiers have an owner, and that tells soon."""
    owner = {"owner": f"owner-{somebody}"}
    return {
        "notices": {"collect_s": 0.2, **options},
        "devices": {"copier": owner, "busy": owner},
    }


def hand_in(relay, *recipients, address=COPIER, author="mfp@device.test", count=1):
    """Messages that name their author; returns the id of the last."""
    with relay.device(address) as device:
        device.hello()
        for _ in range(count):
            name = device.deliver(*recipients, message=LETTER.replace(b"mfp@device.test", author.encode()))
    return name


def opened(letter: Arrived) -> tuple[EmailMessage, EmailMessage, str]:
    """The notice, the group of its first recipient, and what people read."""
    message = email.message_from_bytes(letter.raw, policy=email.policy.default)
    text, status, _ = message.iter_parts()
    return message, list(status.iter_parts())[1], text.get_content()


def test_owner_and_person_are_told_of_a_refused_recipient(start, cloud, somebody):
    """One notice each, from the mailbox with the null reverse-path, with Exchange's words and the original's header."""
    relay = start(**telling(somebody))
    name = hand_in(relay, REFUSED, somebody, author=f"ann-{somebody}")
    owners, anns = cloud.letter(f"owner-{somebody}"), cloud.letter(f"ann-{somebody}")
    queued = relay.journal.wait("notice.queued", count=2)
    message, group, text = opened(anns)

    assert (anns.mail_from, anns.rcpt_to, owners.mail_from) == ("", (f"ann-{somebody}",), "")
    assert str(message["From"]) == "Mail relay <box@contoso.test>"
    assert (message["Subject"], message["Auto-Submitted"]) == ("Not delivered: a scan", "auto-replied")
    assert (group["Final-Recipient"], group["Action"]) == (f"rfc822; {REFUSED}", "failed")
    assert group["Status"] == "5.1.10"
    assert group["Diagnostic-Code"].startswith("smtp; 550 5.1.10 RESOLVER.ADR.RecipientNotFound")
    assert message["In-Reply-To"] == cloud.letter(somebody).header("Message-ID")
    assert "What to do next:" in text
    assert name in text
    assert (queued["originals"], queued["messages"], queued["what"]) == ([name], 1, "failed")


def test_many_failures_of_one_cause_are_one_notice_or_two(start, cloud, somebody):
    """200 messages to a recipient who is gone: their owner has two notices at most, which cover them all."""
    relay = start(**telling(somebody, collect_s=2))
    hand_in(relay, REFUSED, count=200)
    relay.journal.wait("message.failed", count=200)
    first = relay.journal.wait("notice.queued")
    text = opened(cloud.letters(f"owner-{somebody}")[0])[2]

    assert first["messages"] > 1
    assert f"{first['messages'] - 20} more messages" in text
    assert len(relay.journal.seen("notice.queued")) <= 2
    left = 200 - first["messages"]
    assert not left or relay.journal.wait("notice.queued", count=2)["messages"] == left


def test_a_notice_that_fails_is_told_of_to_nobody(start):
    """The owner's address is gone itself: the notice fails, and that is the end of it."""
    relay = start(notices={"collect_s": 0.2}, devices={"copier": {"owner": REFUSED}})
    first = hand_in(relay, REFUSED)
    notice = relay.journal.wait("notice.queued")
    relay.journal.wait("message.failed", id=notice["id"])
    second = hand_in(relay, "data-552@contoso.test")
    relay.journal.wait("message.failed", id=second)
    relay.journal.wait("notice.queued", count=2)

    assert [event["originals"] for event in relay.journal.seen("notice.queued")] == [[first], [second]]


def test_what_the_device_heard_itself_is_no_notice(start, cloud, somebody):
    """answer: delivered, refused for good: the panel showed it; the next failure, of another cause, is told."""
    waits = telling(somebody) | {"devices": {"copier": {"answer": "delivered", "owner": f"owner-{somebody}"}}}
    relay = start(**waits)
    with relay.device(COPIER) as device:
        device.hello()
        device.address("final-552@contoso.test")
        assert device.pour(LETTER).startswith("552 ")
        device.address(REFUSED, somebody)
        partly = device.pour(LETTER)
    assert partly.endswith("1 of 2 recipients accepted")
    assert opened(cloud.letter(f"owner-{somebody}"))[1]["Status"] == "5.1.10"
    assert len(relay.journal.seen("notice.queued")) == 1


def test_old_mail_is_given_up_with_a_notice(start, cloud, somebody):
    """The recipient is never taken: after expire_after_s it fails with the last answer, and the owner is told."""
    relay = start(**telling(somebody), delivery={"expire_after_s": 1.5, "retry_s": [600]})
    name = hand_in(relay, "rcptto-451@contoso.test")
    failed = relay.journal.wait("message.failed", id=name)
    group = opened(cloud.letter(f"owner-{somebody}"))[1]

    assert "451 4.7.0" in failed["answer"]
    assert (group["Action"], group["Status"]) == ("failed", "4.4.7")
    assert relay.queue("show", name)["state"] == "failed"


def test_late_mail_is_told_once(start, cloud, somebody):
    """One notice says that it is late and until when it is tried; then it arrives, and nobody is told again."""
    relay = start(**telling(somebody, delayed=["owner"], delayed_after_s=0.8), delivery={"retry_s": [0.5]})
    fault = cloud.add(Fault(stage="rcpt", action="reply", mailbox="busy@contoso.test"))
    name = hand_in(relay, somebody, address=BUSY)
    relay.journal.wait("notice.queued", what="delayed")
    cloud.remove(fault)
    message, group, text = opened(cloud.letter(f"owner-{somebody}"))
    relay.journal.wait("message.delivered", id=name)

    assert str(message["Subject"]) == "Delayed: a scan"
    assert group["Action"] == "delayed"
    assert group["Will-Retry-Until"]
    assert "no need to send again" in text
    assert len(relay.journal.seen("notice.queued")) == 1


def test_nobody_to_tell_is_written_down(start):
    """No owner, no administrator, and a printer's own address: the journal says why."""
    relay = start(notices={"collect_s": 0.2})
    name = hand_in(relay, REFUSED, author="scanner2@contoso.test")
    nobody = relay.journal.wait("notice.nobody")

    assert nobody["id"] == name
    assert "scanner2@contoso.test is the address of a machine" in nobody["reason"]
