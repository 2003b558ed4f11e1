"""Whatever an administrator pastes, the answer in it is found and explained by the table that judges the mail."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.control.answers import STAGES, Explained, explain_answer, facts_for, no_answer
from relay.message.outcome import Scope
from relay.policy.verdict import Class
from relay.policy.verdict_page import CHAPTERS
from tests.policy.cases import ANSWERS, FACTS, GRAPH_ANSWERS, LOSSES, SEND_AS_DENIED, TRAILER
from tests.policy.cases_entra import NUMBERS, WORDED

if TYPE_CHECKING:
    from relay.message.answer import GraphAnswer

ROWS = [row for _, rows in CHAPTERS for row in rows]
DENIED = "550 5.7.60 SMTP; Client does not have permissions to send as this sender"
POSTFIX = (
    "Nov  1 10:00:00 host postfix/smtp[991]: 4XZ: to=<a@contoso.com>, relay=smtp.office365.com[52.98.1.2]:587, "
    f"delay=5.5, dsn=5.7.60, status=bounced (host smtp.office365.com[52.98.1.2] said: {DENIED} [SJ0 2024] (in reply to "
    "end of DATA command))"
)
BOUNCE = """\
Delivery has failed to these recipients or groups:

jo@contoso.com
The email address you entered couldn't be found.

Diagnostic information for administrators:
Generating server: AM0PR02CA0134.eurprd02.prod.outlook.com
Remote server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup'

Original message headers: mailbox full
"""
REPORT = """\
Reporting-MTA: dns;AM0PR02CA0134.eurprd02.prod.outlook.com
Arrival-Date: Sun, 23 Nov 2025 11:12:20 +0000

Final-recipient: RFC822;jo@example.net
Action: failed
Status: 5.7.233
Diagnostic-code: smtp;550 5.7.233 Your message can't be sent because your tenant has exceeded its daily limit
"""
LOGGED = json.dumps({
    "event": "message.deferred", "id": "01M8", "profile": "scans", "stage": "rcpt", "rule": "smtp.other-4xx-recipient",
    "answer": "552 5.2.2 mailbox full",
})  # fmt: skip
CONSOLE = (
    "2026-11-28T03:00:00Z [warning  ] message.deferred  answer='535 5.7.3 Authentication unsuccessful' attempt=550 "
    "id=01M8 stage=auth rule=x"
)
MSAL = json.dumps({
    "error": "invalid_client", "error_description": "AADSTS7000222: The provided client secret keys are expired. Trace",
    "error_codes": [7000222], "timestamp": "2026-11-28 03:00:00Z", "trace_id": "t",
})  # fmt: skip
GRAPH_BODY = json.dumps({"error": {"code": "ErrorSendAsDenied", "message": "no right", "innerError": {"date": "2026"}}})

PASTED = [
    ("AADSTS7000215", "entra.invalid-secret", "token"),
    ("7000215", "entra.invalid-secret", "token"),
    ("aadsts53003", "entra.conditional-access", "token"),
    ("error code: 700016", "entra.app-not-found", "token"),
    ("invalid_client: AADSTS7000222: expired", "entra.secret-expired", "token"),
    ("interaction_required", "entra.sign-in-again", "token"),
    ("unreachable: [Errno 111] Connection refused", "entra.unreachable", "token"),
    (MSAL, "entra.secret-expired", "token"),
    ("HTTP/1.1 401 Unauthorized\n" + MSAL, "entra.secret-expired", "token"),
    (GRAPH_BODY, "graph.send-as-denied", "final"),
    ("HTTP/1.1 403 Forbidden\ncontent-type: application/json\n\n" + GRAPH_BODY, "graph.send-as-denied", "final"),
    ("HTTP 429", "graph.throttled", "final"),
    ("HTTP 403 ErrorAccessDenied Access is denied.", "graph.access-denied", "final"),
    ("ErrorQuotaExceeded", "graph.mailbox-full", "final"),
    ("Status Code: Forbidden Code: ErrorSendAsDenied, RequestId: x", "graph.send-as-denied", "final"),
    (DENIED, "smtp.send-as-denied", "final"),
    (POSTFIX, "smtp.send-as-denied", "final"),
    (BOUNCE, "smtp.recipient-unknown", "rcpt"),
    (REPORT, "smtp.tenant-external-limit", "final"),
    (LOGGED, "smtp.recipient-full", "rcpt"),
    (CONSOLE, "smtp.identity-refused", "auth"),
    ("550-5.1.8 Access denied, bad outbound\r\n550 5.1.8 sender AS(42004)", "smtp.restricted-sender", "final"),
    ("535 5.7.3 Authentication unsuccessful" + TRAILER, "smtp.identity-refused", "auth"),
    (("530 5.7.57 Client not authenticated to send mail. Error: 535 5.7.139 Authentication unsuccessful, "
     "SmtpClientAuthentication is disabled for the Mailbox."), "smtp.auth-disabled-mailbox", "final"),
    ("SmtpClientAuthentication is disabled for the Tenant", "smtp.auth-disabled-tenant", "auth"),
    ("5.7.708", "smtp.tenant-low-reputation", "final"),
    ("#5.7.750 smtp", "smtp.from-unregistered-domain", "final"),
    ("501 5.1.7 Invalid address", "smtp.sender-malformed", "mail"),
    ("452 4.5.3 Too many recipients", "smtp.too-many-recipients", "rcpt"),
    ("550", "smtp.other-5xx-message", "final"),
    ("smtp.office365.com:587 does not offer STARTTLS; nothing is sent in clear", "lost.starttls-missing", "connect"),
    ("[Errno 111] Connect call failed ('10.0.0.1', 587): Connection refused", "lost.connect", "connect"),
]  # fmt: skip


def found(text: str, stage: str = "") -> Explained:
    explained = explain_answer(text, stage, FACTS)
    assert explained is not None
    return explained


@pytest.mark.parametrize(("text", "rule", "stage"), PASTED)
def test_the_answer_is_found_in_what_was_pasted(text: str, rule: str, stage: str) -> None:
    """Reply, number, log line, JSON, bounce: the rule, and the step that it is taken for."""
    explained = found(text)

    assert (explained.rule, explained.stage) == (rule, stage)
    assert explained.known is not rule.startswith("smtp.other")


@pytest.mark.parametrize(("answer", "stage", "rule"), [(*case[:2], case[2]) for case in ANSWERS])
def test_every_reply_of_the_table_is_explained_as_it_is_judged(answer: str, stage: str, rule: str) -> None:
    """The words of the wire, with their step: the same row as for the mail."""
    if answer.startswith("250"):
        return
    assert found(answer, stage).rule == rule


@pytest.mark.parametrize(("answer", "rule"), [(case[0], case[1]) for case in GRAPH_ANSWERS])
def test_every_answer_of_graph_is_explained_as_it_is_judged(answer: GraphAnswer, rule: str) -> None:
    """As the journal and the attempt show it."""
    assert found(str(answer)).rule == rule


@pytest.mark.parametrize(("codes", "rule"), [(case[0], case[1]) for case in NUMBERS])
def test_every_number_of_entra_is_explained_as_it_is_judged(codes: tuple[int, ...], rule: str) -> None:
    """By AADSTS number, with the page of Microsoft that explains it."""
    explained = found(f"AADSTS{codes[0]}: audience of the JWT")

    assert explained.rule == rule
    assert explained.link == f"https://login.microsoftonline.com/error?code={codes[0]}"


@pytest.mark.parametrize(
    ("error", "rule"), [(case[0], case[3]) for case in WORDED if case[1] == "" and case[2] in (0, 400)]
)
def test_every_word_of_entra_is_explained_as_it_is_judged(error: str, rule: str) -> None:
    """`invalid_client` and its like, alone."""
    if error not in ("", "odd"):
        assert found(error).rule == rule


@pytest.mark.parametrize(("stage", "text", "rule"), [case[:3] for case in LOSSES])
def test_every_lost_session_is_explained_as_it_is_judged(stage: str, text: str, rule: str) -> None:
    """What the network said."""
    assert found(text, stage).rule == rule


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.rule)
def test_a_rule_of_the_log_is_explained(row) -> None:  # type: ignore[no-untyped-def]
    """Who has only the rule gets its row."""
    explained = found(row.rule)

    assert (explained.rule, explained.meaning) == (row.rule, row.meaning)


def test_the_step_decides_where_one_code_has_two_meanings() -> None:
    """552 5.2.2 is the sender's mailbox at the end, and the recipient's at RCPT."""
    assert found("552 5.2.2 mailbox full").rule == "smtp.mailbox-full"
    assert found("552 5.2.2 mailbox full").assumed
    assert found("552 5.2.2 mailbox full", "rcpt").rule == "smtp.recipient-full"
    assert not found("552 5.2.2 mailbox full", "rcpt").assumed


def test_everything_a_person_needs_is_said() -> None:
    """Meaning, class, reach, what the relay does, remedy, source, link; the answer without what differs each time."""
    explained = found(
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox." + TRAILER
    )

    assert (explained.kind, explained.scope) == (Class.CONFIGURATION, Scope.MAILBOX)
    assert explained.remedy == "Set-CASMailbox scanner@contoso.com -SmtpClientAuthenticationDisabled $false"
    assert explained.effect.startswith("The profile pauses: its mail is kept")
    assert explained.answer.endswith("disabled for the Mailbox.")
    assert explained.link
    assert explained.source


def test_the_sender_that_the_answer_names_is_in_the_remedy() -> None:
    """Several KB of diagnostics included."""
    assert "Add-RecipientPermission boss@contoso.com" in found(SEND_AS_DENIED).remedy


@pytest.mark.parametrize(
    "text", ["", "hello", "see you at 5", "{", '{"a": 1}', "2026-11-28 03:00", "10.0.2.17", "250 OK"]
)
def test_a_text_without_an_answer_is_told_apart(text: str) -> None:
    """Nothing is invented."""
    assert explain_answer(text) is None


@given(st.text(max_size=400), st.sampled_from(["", *STAGES]))
def test_no_text_breaks_it(text: str, stage: str) -> None:
    """Any text gives an explanation or none."""
    explained = explain_answer(text, stage)

    assert explained is None or explained.meaning


@given(st.sampled_from([str(case[0]) for case in (*ANSWERS, *GRAPH_ANSWERS)]), st.integers(0, 300))
def test_no_torn_answer_breaks_it(answer: str, length: int) -> None:
    """A line that was cut off."""
    explain_answer(answer[:length])
    explain_answer('{"answer": "' + answer[:length])


def test_a_profile_fills_the_remedies() -> None:
    """All but what only a message knows; a profile that there is not is told with those there are."""
    from relay.config.loader import parse

    settings = parse((Path(__file__).parents[2] / "config.example.yaml").read_text(encoding="utf-8"))
    name = next(iter(settings.profiles))

    known = asdict(facts_for(settings, name))
    assert known["mailbox"] == settings.profiles[name].mailbox
    assert {fact for fact, value in known.items() if not value} == {"sender", "recipient", "message"}
    with pytest.raises(LookupError, match=f"there is no profile nowhere; the configuration has {name}"):
        facts_for(settings, "nowhere")


@pytest.mark.parametrize(
    "text", ["answer='" * 2500, '{"a":' * 3900, '{"a":' + "[" * 19_000, '{"error": "x", "error_codes": 5}']
)
def test_what_nobody_would_paste_breaks_nothing(text: str) -> None:
    """Thousands of answers, each within another; codes that are no list."""
    found = explain_answer(text)
    assert found is None or found.said_by == "Entra"


@pytest.mark.parametrize("own", [
    "530 5.7.0 Authentication required: log in, or add address 10.0.0.9 to devices of this relay",
    "550 5.7.1 10.0.0.9 is not a device of this relay; add its address to devices",
    "550 5.7.1 Recipient not allowed for copier; see recipients of this device in the relay",
    "552 5.3.4 Message too large, at most 9 bytes; scan with a lower resolution",
    "452 4.3.1 No room to store mail now, try again later",
])  # fmt: skip
def test_what_the_relay_says_itself_is_not_taken_for_microsofts(own: str) -> None:
    """It is what a copier prints; the remedy for Exchange would lead astray."""
    assert explain_answer(f"Transmission Error Report: {own}") is None
    assert "relay explain device" in no_answer(own)
