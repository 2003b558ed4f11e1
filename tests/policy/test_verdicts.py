"""Every known answer of Exchange Online has its meaning, reach and remedy, and none loses mail by mistake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.message.outcome import Scope
from relay.message.reply import Reply, parse_reply
from relay.policy.rows_fallback import PERMANENT, TEMPORARY, UNEXPECTED
from relay.policy.rows_lost import LOST
from relay.policy.verdicts import REPLY_ROWS, Class, Facts, Verdict, judge_lost, judge_reply, sentence

FACTS = Facts(
    profile="scans",
    mailbox="scanner@contoso.com",
    host="smtp.office365.com",
    sender="fax@contoso.com",
    app="contoso",
    tenant="contoso.onmicrosoft.com",
    client_id="11111111-2222-3333-4444-555555555555",
)
TRAILER = " [AM0PR02CA0134.eurprd02.prod.outlook.com 2024-07-11T11:46:49.042Z 08DCA18218166FB4]"
UNSUCCESSFUL = "535 5.7.139 Authentication unsuccessful, "
SEND_AS_DENIED = (
    "554 5.2.252 SendAsDenied; scanner@contoso.com not allowed to send as boss@contoso.com; STOREDRV.Submission."
    "Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception "
    "with message [BeginDiagnosticData]Cannot submit message. 0.35250:0A00D9B8, mailbox full [EndDiagnosticData]"
)
ENABLE = "Set-CASMailbox scanner@contoso.com -SmtpClientAuthenticationDisabled $false"
SEND_AS = "-AccessRights SendAs"

CONFIG, WAIT, SLOW = Class.CONFIGURATION, Class.TRANSIENT, Class.THROTTLE
BAD, NOBODY = Class.MESSAGE, Class.RECIPIENT

ANSWERS = [
    (("421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update your client to support TLS 1.2. Visit "
     "https://aka.ms/smtp_auth_tls. [MAXPR0101CA0021.INDPRD01.PROD.OUTLOOK.COM]"),
     "mail", "smtp.tls-too-old", CONFIG, Scope.PROFILE, "TLS 1.2"),
    ("550 5.7.67 TLS 1.0 und 1.1 werden nicht unterstützt",
     "auth", "smtp.tls-too-old", CONFIG, Scope.PROFILE, "OpenSSL"),
    ("530 5.7.57 Client not authenticated to send mail" + TRAILER,
     "mail", "smtp.not-authenticated", CONFIG, Scope.PROFILE, "endpoint.host"),
    ("530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM",
     "mail", "smtp.not-authenticated", CONFIG, Scope.PROFILE, ENABLE),
    ("530 5.7.57 Client not authenticated to send mail. Error: 535 5.7.139 Authentication unsuccessful, "
     "SmtpClientAuthentication is disabled for the Mailbox." + TRAILER,
     "mail", "smtp.auth-disabled-mailbox", CONFIG, Scope.MAILBOX, ENABLE),
    ("535 5.7.3 Authentication unsuccessful" + TRAILER,
     "auth", "smtp.identity-refused", CONFIG, Scope.PROFILE, "11111111-2222-3333-4444-555555555555"),
    ("535 5.7.3 Authentication unsuccessful [SN2PR00CA0018.namprd00.prod.outlook.com]",
     "auth", "smtp.identity-refused", CONFIG, Scope.PROFILE, "Enterprise applications"),
    ("535 nope", "auth", "smtp.identity-refused", CONFIG, Scope.PROFILE, "-Resource scanner@contoso.com"),
    ("535 nope", "mail", "smtp.identity-refused", CONFIG, Scope.PROFILE, "Get-ServicePrincipal"),
    (UNSUCCESSFUL + "SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for "
     "more information." + TRAILER, "auth", "smtp.auth-disabled-tenant", CONFIG, Scope.MAILBOX, ENABLE),
    (UNSUCCESSFUL + "SmtpClientAuthentication is disabled for the Mailbox." + TRAILER,
     "auth", "smtp.auth-disabled-mailbox", CONFIG, Scope.MAILBOX, ENABLE),
    (UNSUCCESSFUL + "basic authentication is disabled." + TRAILER,
     "auth", "smtp.basic-disabled", CONFIG, Scope.PROFILE, "XOAUTH2"),
    (UNSUCCESSFUL + "user is locked by your organization's security defaults policy. Contact your administrator.",
     "auth", "smtp.security-defaults", CONFIG, Scope.PROFILE, "Manage security defaults"),
    (UNSUCCESSFUL + "the request did not meet the criteria to be authenticated successfully. Contact your "
     "administrator." + TRAILER, "auth", "smtp.conditional-access", CONFIG, Scope.PROFILE, "Conditional Access tab"),
    (UNSUCCESSFUL + "the user credentials were incorrect.",
     "auth", "smtp.password-wrong", CONFIG, Scope.PROFILE, "never with a password"),
    (UNSUCCESSFUL + "federated STS service was unreachable.",
     "auth", "smtp.sts-unreachable", WAIT, Scope.PROFILE, "contoso.onmicrosoft.com"),
    (UNSUCCESSFUL + "the federated STS URL does not support HTTPS.",
     "auth", "smtp.sts-not-https", CONFIG, Scope.PROFILE, "https address"),
    (UNSUCCESSFUL + "the moon is in the wrong phase." + TRAILER,
     "auth", "smtp.sign-in-blocked", CONFIG, Scope.PROFILE, "Sign-in logs"),
    ("550 5.7.30 Basic authentication is not supported for Client Submission.",
     "auth", "smtp.basic-retired", CONFIG, Scope.PROFILE, "XOAUTH2"),
    ("501 5.5.127 Invalid XOAUTH2 auth data - Token will expire soon",
     "auth", "smtp.token-ends-soon", WAIT, Scope.PROFILE, "apps.contoso.token_grace_s: 720"),
    ("504 5.7.4 Unrecognized authentication type",
     "auth", "smtp.mechanism-unknown", CONFIG, Scope.PROFILE, "-connect smtp.office365.com:587"),
    (("430 4.2.0 STOREDRV; mailbox logon failure; STOREDRV.Submission.Exception:ConnectionFailedTransientException."
     "MapiExceptionLogonFailed; Failed to process message"),
     "final", "smtp.logon-failed", WAIT, Scope.MAILBOX, "Get-MailboxPermission scanner@contoso.com"),
    (("432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information. "
     "[Hostname=DM4PR18MB4126.namprd18.prod.outlook.com]"),
     "final", "smtp.concurrent-limit", SLOW, Scope.MAILBOX, "mailboxes.scanner@contoso.com.sessions"),
    ("432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded",
     "auth", "smtp.concurrent-limit", SLOW, Scope.MAILBOX, "sessions"),
    ("432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded",
     "rcpt", "smtp.recipient-thread-limit", WAIT, Scope.RECIPIENT, "tries again"),
    ("421 4.4.2 Message submission rate for this client has exceeded the configured limit",
     "mail", "smtp.rate-limit", SLOW, Scope.MAILBOX, "messages_per_minute"),
    ("421 4.4.1 Connection timed out. Total session duration: 00:10:01",
     "mail", "smtp.service-trouble", WAIT, Scope.MESSAGE, "tries again"),
    ("421 4.3.2 Service not active", "greeting", "smtp.service-trouble", WAIT, Scope.SITE, "tries again"),
    ("451 4.7.0 Temporary server error. Please try again later. PRX4 ",
     "data", "smtp.service-trouble", WAIT, Scope.MESSAGE, "Service health"),
    ("451 4.7.500 Access denied, please try again later AS(4711)",
     "mail", "smtp.suspicious-activity", SLOW, Scope.MAILBOX, "clears by itself"),
    ("451 4.7.650 The mail server has been temporarily rate limited",
     "rcpt", "smtp.suspicious-activity", SLOW, Scope.MAILBOX, "more than usual"),
    ("451 4.7.899 later", "final", "smtp.suspicious-activity", SLOW, Scope.MAILBOX, "clears"),
    ("452 4.5.3 Too many recipients", "rcpt", "smtp.too-many-recipients", WAIT, Scope.RECIPIENT, "RecipientLimits"),
    ("451 4.5.3 Too many recipients", "final", "smtp.too-many-recipients", WAIT, Scope.MESSAGE, "another envelope"),
    ("552 5.5.3 Too many recipients", "rcpt", "smtp.too-many-recipients", WAIT, Scope.RECIPIENT, "another envelope"),
    ("501 5.1.3 Invalid address", "rcpt", "smtp.recipient-malformed", NOBODY, Scope.RECIPIENT, "address book"),
    ("553 mailbox name not allowed", "rcpt", "smtp.recipient-malformed", NOBODY, Scope.RECIPIENT, "address book"),
    ("501 5.1.7 Invalid address", "mail", "smtp.sender-malformed", BAD, Scope.MESSAGE, "profiles.scans.from"),
    ("553 mailbox name not allowed", "mail", "smtp.sender-malformed", BAD, Scope.MESSAGE, "sender"),
    ("550 5.1.8 Access denied, bad outbound sender AS(42004)" + TRAILER,
     "final", "smtp.restricted-sender", CONFIG, Scope.MAILBOX, "Restricted entities → scanner@contoso.com → Unblock"),
    ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
     "rcpt", "smtp.recipient-unknown", NOBODY, Scope.RECIPIENT, "address book"),
    ("550 5.1.10 Recipient not found", "final", "smtp.recipient-unknown", NOBODY, Scope.MESSAGE, "address book"),
    ("550 5.1.1 User unknown", "rcpt", "smtp.recipient-unknown", NOBODY, Scope.RECIPIENT, "address book"),
    ("550 5.4.1 Recipient address rejected: Access denied",
     "rcpt", "smtp.recipient-unknown", NOBODY, Scope.RECIPIENT, "address book"),
    ("550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients",
     "final", "smtp.daily-limit", SLOW, Scope.MAILBOX, "several mailboxes"),
    ("554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message",
     "final", "smtp.daily-limit", SLOW, Scope.MAILBOX, "High Volume Email"),
    ("550 5.2.2 Submission quota exceeded", "final", "smtp.daily-limit", SLOW, Scope.MAILBOX, "distribution list"),
    (("550 5.7.233 Your message can't be sent because your tenant has exceeded its daily limit for sending email to "
     "external recipients (tenant external recipient rate limit). For more information see https://aka.ms/EXONdrs."),
     "final", "smtp.tenant-external-limit", SLOW, Scope.MESSAGE, "Tenant Outbound External Recipients"),
    ("550 5.7.232 trial", "rcpt", "smtp.tenant-external-limit", SLOW, Scope.RECIPIENT, "Exchange admin center"),
    ("550 5.7.236 onmicrosoft", "final", "smtp.tenant-external-limit", SLOW, Scope.MESSAGE, "own domain"),
    ("554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded; ",
     "final", "smtp.mailbox-full", CONFIG, Scope.MAILBOX,
     "Set-Mailbox scanner@contoso.com -MessageCopyForSMTPClientSubmissionEnabled $false"),
    ("554 5.2.0 STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionQuotaExceeded",
     "final", "smtp.mailbox-full", CONFIG, Scope.MAILBOX, "Sent Items"),
    ("552 5.2.2 mailbox full", "rcpt", "smtp.recipient-full", NOBODY, Scope.RECIPIENT, "empties"),
    (SEND_AS_DENIED, "final", "smtp.send-as-denied", CONFIG, Scope.MESSAGE,
     "Add-RecipientPermission boss@contoso.com -Trustee $sp.ObjectId " + SEND_AS),
    ("554 5.2.252 another wording", "final", "smtp.send-as-denied", CONFIG, Scope.MESSAGE,
     "Add-RecipientPermission fax@contoso.com -Trustee $sp.ObjectId " + SEND_AS),
    ("550 5.7.60 SMTP; Client does not have permissions to send as this sender",
     "data", "smtp.send-as-denied", CONFIG, Scope.MESSAGE, SEND_AS),
    ("554 5.7.60 SMTP; Client does not have permissions to send as this sender",
     "rcpt", "smtp.send-as-denied", CONFIG, Scope.MESSAGE, SEND_AS),
    ("550 5.2.3 RESOLVER.RST.SendSizeLimit.Sender; message too large for this sender",
     "final", "smtp.too-big", BAD, Scope.MESSAGE, "Set-Mailbox scanner@contoso.com -MaxSendSize 150MB"),
    ("550 5.2.3 RESOLVER.RST.SendSizeLimit.Org; message too large for this organization",
     "final", "smtp.too-big", BAD, Scope.MESSAGE, "lower resolution"),
    ("500 5.2.11 RESOLVER.RST.SendSizeLimit.Sender; too large", "final", "smtp.too-big", BAD, Scope.MESSAGE, "150MB"),
    ("552 5.3.4 Message size exceeds fixed maximum message size", "mail", "smtp.too-big", BAD, Scope.MESSAGE, "150MB"),
    ("552 5.2.3 too much", "final", "smtp.too-big", BAD, Scope.MESSAGE, "max_message_size"),
    ("552 5.3.4 too much", "rcpt", "smtp.too-big", NOBODY, Scope.RECIPIENT, "150MB"),
    ("550 5.2.3 RESOLVER.RST.RecipSizeLimit; message too large for this recipient",
     "rcpt", "smtp.recipient-size-limit", NOBODY, Scope.RECIPIENT, "MaxReceiveSize"),
    ("550 5.2.121 Messages per hour exceeded from specific sender",
     "rcpt", "smtp.recipient-flooded", WAIT, Scope.RECIPIENT, "in an hour"),
    ("550 5.2.122 Messages per hour exceeded", "final", "smtp.recipient-flooded", WAIT, Scope.MESSAGE, "less often"),
    ("550 5.6.11 Invalid characters", "final", "smtp.message-malformed", BAD, Scope.MESSAGE, "relay queue show"),
    ("554 5.6.0 Invalid message content", "final", "smtp.message-malformed", BAD, Scope.MESSAGE, "repaired"),
    ("550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant",
     "final", "smtp.message-malformed", BAD, Scope.MESSAGE, "device model"),
    ("550 5.1.20 Multiple From addresses are not allowed without Sender address",
     "final", "smtp.message-malformed", BAD, Scope.MESSAGE, "repaired"),
    ("550 5.7.1 Delivery not authorized", "rcpt", "smtp.recipient-restricted", NOBODY, Scope.RECIPIENT, "owner"),
    ("550 5.7.124 Sender not in allowed-senders list",
     "rcpt", "smtp.recipient-restricted", NOBODY, Scope.RECIPIENT, "@{Add=scanner@contoso.com}"),
    ("550 5.7.135 Sender not allowed", "final", "smtp.recipient-restricted", NOBODY, Scope.MESSAGE, "owner"),
    ("550 5.7.501 Access denied, spam abuse detected. The sending account has been banned",
     "final", "smtp.sender-banned", CONFIG, Scope.MAILBOX, "Reset the credentials of scanner@contoso.com"),
    ("550 5.7.502 Access denied, banned sender",
     "mail", "smtp.sender-banned", CONFIG, Scope.MAILBOX, "service request"),
    ("550 5.7.503 Access denied, banned sender",
     "mail", "smtp.sender-banned", CONFIG, Scope.MAILBOX, "service request"),
    ("550 5.7.508 Access denied, [$SenderIPAddress] has exceeded permitted limits",
     "mail", "smtp.ip-blocked", CONFIG, Scope.PROFILE, "587"),
    ("550 5.7.511 Access denied, banned sender", "rcpt", "smtp.ip-blocked", CONFIG, Scope.PROFILE, "delist"),
    ("550 5.7.606 Access denied, banned sending IP [203.0.113.9]",
     "rcpt", "smtp.ip-blocked", CONFIG, Scope.PROFILE, "https://sender.office.com"),
    ("550 5.7.649 Access denied, banned sending IP", "mail", "smtp.ip-blocked", CONFIG, Scope.PROFILE, "587"),
    ("550 5.7.509 Access denied, sending domain contoso.com does not pass DMARC verification",
     "final", "smtp.dmarc", BAD, Scope.MESSAGE, "profiles.scans.from: mailbox"),
    ("550 5.7.703 Your message can't be delivered", "final", "smtp.blocked-by-list", BAD, Scope.MESSAGE, "Block List"),
    ("550 5.7.703 Your message can't be delivered",
     "rcpt", "smtp.blocked-by-list", NOBODY, Scope.RECIPIENT, "Defender"),
    ("550 5.7.705 Access denied, tenant has exceeded threshold",
     "final", "smtp.tenant-blocked", CONFIG, Scope.TENANT, "service request"),
    ("550 5.7.708 Access denied, traffic not accepted from this IP",
     "final", "smtp.tenant-low-reputation", CONFIG, Scope.TENANT, "licence"),
    ("550 5.7.750 Service unavailable. Client blocked from sending from unregistered domains",
     "final", "smtp.from-unregistered-domain", CONFIG, Scope.MESSAGE, "Add domain"),
    ("550 5.7.64 TenantAttribution; Relay Access Denied SMTP",
     "rcpt", "smtp.connector-refused", CONFIG, Scope.PROFILE, "Connectors"),
    ("550 5.7.68 TenantInboundAttribution; Direct Send not allowed for this organization from unauthorized sources",
     "final", "smtp.direct-send-refused", CONFIG, Scope.PROFILE, "smtp.office365.com, port 587"),
    ("553 5.6.7 the address is not ASCII", "mail", "smtp.address-not-ascii", BAD, Scope.MESSAGE, "profiles.scans.from"),
    ("553 5.6.7 the address is not ASCII", "rcpt", "smtp.address-not-ascii", NOBODY, Scope.RECIPIENT, "xn--"),
    ("503 5.5.1 Bad sequence of commands", "data", "smtp.command-not-understood", WAIT, Scope.MESSAGE, "pipelining"),
    ("450 4.9.9 odd", "rcpt", "smtp.other-4xx-recipient", WAIT, Scope.RECIPIENT, "tries again"),
    ("450 4.9.9 odd", "final", "smtp.other-4xx-message", WAIT, Scope.MESSAGE, "tries again"),
    ("421 4.9.9 closing", "rcpt", "smtp.other-4xx-message", WAIT, Scope.MESSAGE, "tries again"),
    ("454 4.7.0 Temporary authentication failure",
     "auth", "smtp.other-4xx-sign-in", WAIT, Scope.MAILBOX, "tries again"),
    ("454 TLS not available", "starttls", "smtp.other-4xx-session", WAIT, Scope.SITE, "tries again"),
    ("550 5.9.9 odd", "rcpt", "smtp.other-5xx-recipient", NOBODY, Scope.RECIPIENT, "aka.ms/EXONDRs"),
    ("550 odd", "mail", "smtp.other-5xx-message", BAD, Scope.MESSAGE, "spool"),
    ("554 odd", "data", "smtp.other-5xx-message", BAD, Scope.MESSAGE, "spool"),
    ("554 5.9.9 odd", "final", "smtp.other-5xx-message", BAD, Scope.MESSAGE, "spool"),
    ("501 5.5.4 Invalid domain name", "ehlo", "smtp.other-5xx-ehlo", CONFIG, Scope.PROFILE, "hostname"),
    ("502 not implemented", "starttls", "smtp.other-5xx-session", CONFIG, Scope.PROFILE, "endpoint.host"),
    ("550 odd", "auth", "smtp.other-5xx-session", CONFIG, Scope.PROFILE, "profile scans"),
    ("554 no service here", "greeting", "smtp.other-5xx-greeting", WAIT, Scope.SITE, "endpoint.host"),
    ("250 fine", "final", "smtp.other-code", WAIT, Scope.MESSAGE, "pipelining"),
]  # fmt: skip

LOSSES = [
    (
        "mail", "the stored message cannot be read: [Errno 2] No such file or directory: 'bodies/01M8'",
        "local.body-unreadable", CONFIG, Scope.MESSAGE, "spool/bodies",
    ),
    ("connect", "[Errno -2] Name or service not known", "lost.name", WAIT, Scope.SITE, "nslookup smtp.office365.com"),
    ("connect", "timed out", "lost.connect", WAIT, Scope.SITE, "Open TCP 587 to smtp.office365.com"),
    ("connect", "[Errno 111] Connection refused", "lost.connect", WAIT, Scope.SITE, "nc -vz smtp.office365.com 587"),
    ("connect", "[Errno 101] Network is unreachable", "lost.connect", WAIT, Scope.SITE, "firewall"),
    ("starttls", ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate "
     "chain (_ssl.c:1016)"), "lost.certificate", CONFIG, Scope.PROFILE, "profiles.scans.endpoint.ca_file"),
    ("starttls", "Hostname mismatch, certificate is not valid for '10.0.0.1'",
     "lost.certificate", CONFIG, Scope.PROFILE, "DNS name"),
    ("starttls", "SMTP STARTTLS extension not supported by server.",
     "lost.starttls-missing", CONFIG, Scope.PROFILE, "inspection"),
    ("starttls", "smtp.office365.com:587 does not offer STARTTLS; nothing is sent in clear",
     "lost.starttls-missing", CONFIG, Scope.PROFILE, "inspection"),
    ("auth", "smtp.office365.com:587 does not offer AUTH XOAUTH2; it offers LOGIN",
     "lost.sign-in-missing", CONFIG, Scope.PROFILE, "endpoint.host"),
    ("ehlo", "STARTTLS is not offered", "lost.starttls-missing", CONFIG, Scope.PROFILE, "endpoint.port"),
    ("auth", "XOAUTH2 is not offered by smtp.office365.com", "lost.sign-in-missing", CONFIG, Scope.PROFILE, "587"),
    ("starttls", "[SSL: WRONG_VERSION_NUMBER] wrong version number", "lost.tls", WAIT, Scope.SITE, "openssl s_client"),
    ("greeting", "timed out", "lost.greeting", WAIT, Scope.SITE, "587"),
    ("auth", "Connection reset by peer", "lost.greeting", WAIT, Scope.SITE, "tries again"),
    ("data", "timed out waiting for the server", "lost.timeout", WAIT, Scope.MESSAGE, "reply_timeout_s"),
    ("rcpt", "Connection reset by peer", "lost.session", WAIT, Scope.MESSAGE, "smtp.office365.com"),
    ("final", "Server closed the connection", "lost.session", WAIT, Scope.MESSAGE, "tries again"),
]  # fmt: skip

stages = st.sampled_from(
    ["connect", "greeting", "ehlo", "starttls", "token", "auth", "mail", "rcpt", "data", "final", "bogus", ""]
)
wordings = st.one_of(st.text(max_size=200), st.sampled_from([answer for answer, *_ in ANSWERS]))
enhanced_codes = st.one_of(st.just(""), st.text(max_size=12), st.from_regex(r"[245]\.\d{1,3}\.\d{1,3}", fullmatch=True))


def said(answer: str) -> Reply:
    code, _, text = answer.partition(" ")
    return parse_reply(int(code), text.split("\n"))


@pytest.mark.parametrize(("answer", "stage", "rule", "cls", "scope", "remedy"), ANSWERS)
def test_an_answer_has_its_verdict(answer: str, stage: str, rule: str, cls: Class, scope: Scope, remedy: str) -> None:
    """Answer in; rule, class, scope and a filled remedy out."""
    verdict = judge_reply(said(answer), stage, FACTS)

    assert (rule, cls, scope) == (verdict.rule, verdict.cls, verdict.scope)
    assert remedy in verdict.remedy
    assert verdict.meaning
    assert verdict.source


@pytest.mark.parametrize(("stage", "text", "rule", "cls", "scope", "remedy"), LOSSES)
def test_a_lost_session_has_its_verdict(
    stage: str, text: str, rule: str, cls: Class, scope: Scope, remedy: str
) -> None:
    """What the network said in; rule, class, scope and a filled remedy out."""
    verdict = judge_lost(stage, text, FACTS)

    assert (rule, cls, scope) == (verdict.rule, verdict.cls, verdict.scope)
    assert remedy in verdict.remedy


def test_every_row_has_an_answer_here_that_it_judges() -> None:
    """A row that no test reaches, because another row hides it, is a mistake in the table."""
    rows = [*REPLY_ROWS, *TEMPORARY, *PERMANENT, UNEXPECTED, *LOST]
    judged = {case[2] for case in (*ANSWERS, *LOSSES)}

    assert {row.rule for row in rows} == judged
    assert len(rows) == len(judged)


@given(st.integers(-1, 1000), enhanced_codes, wordings, stages)
def test_no_answer_escapes(code: int, enhanced: str, text: str, stage: str) -> None:
    """Whatever the other side says at whatever step, there is a verdict whose blanks are filled."""
    verdict = judge_reply(Reply(code, enhanced, text), stage, FACTS)

    assert isinstance(verdict, Verdict)
    assert "{" not in verdict.remedy.replace("@{Add", "")


@given(stages, wordings)
def test_a_lost_session_never_fails_mail(stage: str, text: str) -> None:
    """Without an answer nothing is final."""
    assert not judge_lost(stage, text, FACTS).cls.fails_mail


@given(st.integers(400, 499), enhanced_codes, wordings, stages)
def test_a_temporary_answer_never_fails_mail(code: int, enhanced: str, text: str, stage: str) -> None:
    """A 4xx stays temporary, whatever its text and its enhanced code pretend."""
    assert not judge_reply(Reply(code, enhanced, text), stage, FACTS).cls.fails_mail


@pytest.mark.parametrize("answer", sorted({answer for answer, *_ in ANSWERS}))
def test_a_known_wording_with_a_temporary_code_is_temporary(answer: str) -> None:
    """The words of a final refusal, its enhanced code even, under a 4xx: the code says try again, so it is tried."""
    reply = said(answer)

    for stage in ("mail", "rcpt", "data", "final"):
        assert not judge_reply(Reply(450, reply.enhanced, reply.text), stage, FACTS).cls.fails_mail


@given(st.integers(200, 999), enhanced_codes, wordings, st.sampled_from(["greeting", "ehlo", "starttls", "auth", "?"]))
def test_nothing_before_mail_fails_mail(code: int, enhanced: str, text: str, stage: str) -> None:
    """A message that was not yet named to the server cannot have been refused by it."""
    assert not judge_reply(Reply(code, enhanced, text), stage, FACTS).cls.fails_mail


@given(st.integers(400, 599), enhanced_codes, wordings)
def test_an_answer_to_rcpt_never_fails_the_message(code: int, enhanced: str, text: str) -> None:
    """A refused recipient fails alone."""
    verdict = judge_reply(Reply(code, enhanced, text), "rcpt", FACTS)

    assert verdict.cls is not Class.MESSAGE
    assert not verdict.cls.fails_mail or verdict.scope is Scope.RECIPIENT


@pytest.mark.parametrize(("rule_of", "stage", "wait"), [
    ("432 4.3.2 Concurrent connections limit exceeded", "final", 30),
    ("421 4.4.2 Message submission rate for this client has exceeded the configured limit", "mail", 60),
    ("554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", "final", 3600),
    ("535 5.7.3 Authentication unsuccessful", "auth", None),
])  # fmt: skip
def test_a_throttle_says_how_long(rule_of: str, stage: str, wait: float | None) -> None:
    """Throttling names its pause; everything else leaves it to the schedule."""
    assert wait == judge_reply(said(rule_of), stage, FACTS).wait_s


def test_the_trailer_is_stripped_and_other_brackets_stay() -> None:
    """`[host time id]` differs each time and is left out for grouping; what Exchange says in brackets is kept."""
    assert sentence("Access denied [203.0.113.9]\r\n again" + TRAILER) == "Access denied [203.0.113.9] again"
    assert sentence("limit exceeded. [Hostname=DM4PR18MB4126]") == "limit exceeded."


def test_diagnostics_do_not_decide() -> None:
    """Several KB of Exchange's diagnostics may hold any word; only what stands before them counts."""
    text = "554 5.9.9 odd [BeginDiagnosticData]SendAsDenied mailbox full" + " x" * 4000

    assert judge_reply(said(text), "final", FACTS).rule == "smtp.other-5xx-message"


def test_a_hostile_sender_cannot_write_the_command() -> None:
    """A device chooses its sender, an administrator pastes the remedy: quotes of all kinds stay inside one string."""
    sender = "x'; Remove-Mailbox \u2019boss\u2019\n@contoso.com"
    remedy = judge_reply(said("554 5.2.252 no"), "final", Facts(sender=sender)).remedy

    assert "'x''; Remove-Mailbox \u2019\u2019boss\u2019\u2019@contoso.com'" in remedy


def test_a_hostile_answer_cannot_write_the_command_either() -> None:
    """The sender that the answer names is quoted like any other."""
    text = "554 5.2.252 SendAsDenied; a@x not allowed to send as $(calc)@x; more"

    assert "Add-RecipientPermission '$(calc)@x' -Trustee" in judge_reply(said(text), "final", FACTS).remedy


def test_a_missing_fact_shows_as_a_blank() -> None:
    """What the caller does not know stands in angle brackets, and not as a hole in the command."""
    reply = said(UNSUCCESSFUL + "SmtpClientAuthentication is disabled for the Mailbox.")
    remedy = judge_reply(reply, "auth", Facts()).remedy

    assert remedy == "Set-CASMailbox <mailbox> -SmtpClientAuthenticationDisabled $false"
