"""Notices read back by a parser that is not ours: what people read, what programs read, and seven clean bits."""

from __future__ import annotations

import email
import email.policy
import re
from typing import TYPE_CHECKING, Any

import pytest

from relay.message.notice import Fate, Notice, Original, composed

if TYPE_CHECKING:
    from email.message import EmailMessage

AT = 1_790_000_000.0
HEADER = b"From: mfp@contoso.com\r\nSubject: Scan 17\r\nMessage-ID: <17@copier>\r\nBcc: chief@contoso.com\r\n"
SAID = "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient bob@contoso.com not found by SMTP address lookup"


def original(*fates: Fate, **values: Any) -> Original:
    fates = fates or (Fate("bob@contoso.com", SAID, "smtp.office365.com"),)
    known = {"id": "01A", "device": "copier", "received_at": AT - 60, "section": HEADER, "count": len(fates)}
    return Original(**{**known, "fates": fates, **values})


def notice(*originals: Original, **values: Any) -> EmailMessage:
    """The notice as Python's own parser sees it; anything it finds wrong fails the test."""
    originals = originals or (original(),)
    known: dict[str, Any] = {
        "id": "01NOTICE", "at": AT, "hostname": "relay.contoso.com", "mailbox": "scanner@contoso.com",
        "to": "ann@contoso.com", "meaning": "The recipient does not exist.", "remedy": "Correct the address.",
        "messages": len(originals), "kept_days": 30,
    }  # fmt: skip
    head, body = composed(Notice(originals=originals, **{**known, **values}))
    whole = head + body
    assert whole.isascii()
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", whole)
    assert max(map(len, whole.split(b"\r\n"))) <= 998
    message = email.message_from_bytes(whole, policy=email.policy.default)
    assert not [part.defects for part in message.walk() if part.defects]
    return message


def parts(message: EmailMessage) -> tuple[str, list[EmailMessage], str]:
    """What people read, the groups of fields for programs, and the original's header."""
    text, status, header = message.iter_parts()
    return text.get_content(), list(status.iter_parts()), header.get_content()


def test_it_is_a_report_of_three_parts():
    """multipart/report as RFC 6522 has it: text, message/delivery-status, text/rfc822-headers."""
    message = notice()

    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    kinds = [part.get_content_type() for part in message.iter_parts()]
    assert kinds == ["text/plain", "message/delivery-status", "text/rfc822-headers"]


def test_its_header_says_that_a_machine_wrote_it_and_what_it_is_about():
    """No auto-reply is sent to it, and mail programs show it beside the original."""
    message = notice()

    assert [str(message[name]) for name in ("From", "To")] == ["Mail relay <scanner@contoso.com>", "ann@contoso.com"]
    assert (message["Auto-Submitted"], message["X-Auto-Response-Suppress"]) == ("auto-replied", "All")
    assert (message["In-Reply-To"], message["References"]) == ("<17@copier>", "<17@copier>")
    assert message["Message-ID"] == "<01NOTICE@relay.contoso.com>"
    assert message["Date"].datetime.timestamp() == AT


def test_people_read_what_happened_what_was_said_and_what_to_do():
    """Everything an administrator would have to ask for otherwise."""
    text, _, _ = parts(notice())

    for words in (
        "has given up", "bob@contoso.com", "550 5.1.10 RESOLVER.ADR.RecipientNotFound", "The recipient does not exist.",
        "Correct the address.", "Scan 17", "device copier", "relay queue retry 01A", "30 days",
    ):  # fmt: skip
        assert words in " ".join(text.split())


def test_programs_read_the_fields_of_rfc_3464():
    """One group for the message, one for each recipient."""
    _, (whole, one, other), _ = parts(notice(original(Fate("a@x.com", SAID, "smtp.example"), Fate("b@x.com", SAID))))

    assert whole["Reporting-MTA"] == "dns; relay.contoso.com"
    assert whole["Arrival-Date"]
    assert (one["Original-Recipient"], one["Final-Recipient"]) == ("rfc822; a@x.com", "rfc822; a@x.com")
    assert (one["Action"], one["Status"], one["Remote-MTA"]) == ("failed", "5.1.10", "dns; smtp.example")
    assert " ".join(one["Diagnostic-Code"].split()) == f"smtp; {SAID}"
    assert (other["Final-Recipient"], other["Remote-MTA"]) == ("rfc822; b@x.com", None)
    assert one["X-Relay-Message"] == "01A"


@pytest.mark.parametrize(
    ("answer", "expired", "status", "kind"),
    [
        ("554 Transaction failed", False, "5.0.0", "smtp"),
        ("451 4.7.0 Temporary server error", True, "4.4.7", "smtp"),
        ("Connection refused", True, "4.4.7", "x-relay"),
        ("HTTP 400 ErrorInvalidRecipients", False, "5.0.0", "x-relay"),
        ("550 4.1.1 it cannot decide", False, "5.0.0", "smtp"),
        ("552-5.3.4 too large", True, "5.3.4", "smtp"),
    ],
)
def test_the_status_agrees_with_the_action(answer: str, expired: bool, status: str, kind: str):
    """A temporary answer to what failed means that its time was over; only SMTP's words are of type smtp."""
    _, (_, group), _ = parts(notice(original(Fate("a@x.com", answer), expired=expired)))

    assert group["Status"] == status
    assert group["Diagnostic-Code"].startswith(f"{kind}; ")


def test_a_delayed_message_says_until_when_it_is_tried():
    """Nobody need send again; the action is delayed and the status is never of class 5."""
    message = notice(original(Fate("a@x.com", "451 4.7.0 later")), until=AT + 86_400)
    text, (_, group), _ = parts(message)

    assert message["Subject"] == "Delayed: Scan 17"
    assert (group["Action"], group["Status"]) == ("delayed", "4.7.0")
    assert group["Will-Retry-Until"] == "Tue, 22 Sep 2026 14:13:20 +0000"
    assert "no need to send again" in text
    assert "relay queue retry" not in text


def test_of_the_original_only_the_header_goes_along():
    """Without Bcc: whoever is told may not be among the hidden."""
    _, _, header = parts(notice())

    assert "Subject: Scan 17" in header
    assert "chief@contoso.com" not in header


@pytest.mark.parametrize(
    "section",
    [
        b"Subject: =?utf-8?q?Rechnung_f=C3=BCr_M=C3=BCller?=\r\n",
        "Subject: Rechnung für Müller\r\n".encode(),
        "Subject: Rechnung für Müller\r\n".encode("latin-1"),
        b"Subject: =?utf-8?b?broken\r\nX: =?nonsense?q?x?=\r\n",
        b"Subject: =?nonsense?q?x?=\r\n",
        b"",
        b"Subject: " + b"x" * 5000 + b"\r\nX-Long: " + b"y" * 40_000 + b"\r\n",
        b"Subject: a\x00b\x1b[31m\r\n",
        b"Subject: a\rb\nc\r\n",
    ],
)
def test_any_header_a_device_writes_is_carried_in_clean_lines(section: bytes):
    """Octets beyond ASCII, broken encoded words, none at all, lines without an end."""
    message = notice(original(section=section))

    assert message["Subject"].startswith("Not delivered: ")


def test_a_subject_beyond_ascii_is_readable():
    """It is decoded, shown, and encoded again."""
    subject = "Rechnung für Müller und alle anderen, die in dieser langen Zeile stehen: 請求書です"
    message = notice(original(section=f"Subject: {subject}\r\n".encode()))

    assert message["Subject"] == f"Not delivered: {subject}"
    assert subject in " ".join(parts(message)[0].split())


def test_an_address_beyond_ascii_is_written_in_seven_bits():
    """RFC 6533: type utf-8, each such sign by its number."""
    _, (_, group), _ = parts(notice(original(Fate("jörg+x@müller.example", "550 5.1.1 no"))))

    assert group["Final-Recipient"] == r"utf-8; j\x{F6}rg\x{2B}x@m\x{FC}ller.example"


def test_hundreds_of_recipients_are_counted_not_listed():
    """The notice stays short; what is left out is said."""
    fates = tuple(Fate(f"r{n}@contoso.com", SAID) for n in range(100))
    text, groups, _ = parts(notice(original(*fates, count=480)))

    assert "… and 460 more" in text
    assert len(groups) == 101
    assert text.count("RecipientNotFound") == 1


def test_many_messages_of_one_cause_are_one_list():
    """Each is named, with its subject; the rest are counted; all are referred to."""
    originals = tuple(
        original(id=f"01{n}", section=f"Subject: Scan {n}\r\nMessage-ID: <{n}@copier>\r\n".encode()) for n in range(20)
    )
    message = notice(*originals, messages=200)
    text, groups, _ = parts(message)

    assert message["Subject"] == "Not delivered: 200 messages"
    assert "Scan 19" in text
    assert "… and 180 more messages for the same cause." in text
    assert len(groups) == 21
    assert message["References"].split() == [f"<{n}@copier>" for n in range(20)]


def test_what_may_have_arrived_is_said():
    """An answer was lost: whoever reads it looks before sending again."""
    text, _, _ = parts(notice(original(doubtful=True)))

    assert "it may have arrived all the same" in " ".join(text.split())


def test_nothing_a_server_says_becomes_a_field_or_a_part():
    """Line ends and boundaries in an answer stay words."""
    said = "550 5.1.1 no\r\n--=_01NOTICE\r\nX-Evil: yes"
    message = notice(original(Fate("a@x.com\r\nX: y", said)))
    _, (_, group), _ = parts(message)

    assert group["X-Evil"] is None
    assert len(list(message.iter_parts())) == 3
