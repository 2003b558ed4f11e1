"""Verdict rows for Exchange Online's limits and its own troubles: the mail waits, and is never failed."""

from __future__ import annotations

from relay.message.outcome import Scope
from relay.policy.verdict import Class, ReplyRow

_NDR = "Microsoft SupportArticles, non-delivery reports in Exchange Online"
_LIMITS = "Microsoft SupportArticles, smtp-submission-improvements"

LIMITS = (
    ReplyRow(
        rule="smtp.recipient-thread-limit",
        cls=Class.TRANSIENT,
        scope=Scope.RECIPIENT,
        says="recipient thread limit exceeded",
        answer="432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded",
        meaning="The recipient's mailbox is busy.",
        remedy="Nothing to do: the relay tries again",
        source=_NDR,
    ),
    ReplyRow(
        rule="smtp.concurrent-limit",
        cls=Class.THROTTLE,
        scope=Scope.MAILBOX,
        says=r"Concurrent connections limit exceeded|sender thread limit exceeded",
        codes=(432,),
        answer="432 4.3.2 Concurrent connections limit exceeded",
        meaning="More than three sessions submit as this mailbox at once; every device and application counts.",
        remedy="Set mailboxes.{mailbox}.sessions to 1, or find what else signs in as {mailbox}: Exchange admin center "
        "→ Reports → Mail flow → SMTP AUTH clients",
        source=_LIMITS,
        wait_s=30,
    ),
    ReplyRow(
        rule="smtp.rate-limit",
        cls=Class.THROTTLE,
        scope=Scope.MAILBOX,
        says="submission rate for this client has exceeded",
        answer="421 4.4.2 Message submission rate for this client has exceeded the configured limit",
        meaning="Too many messages a minute as this mailbox (Exchange Online's limit is 30).",
        remedy="Lower mailboxes.{mailbox}.messages_per_minute, or spread the devices over several mailboxes",
        source="field reports, unproved for Exchange Online",
        wait_s=60,
    ),
    ReplyRow(
        rule="smtp.suspicious-activity",
        cls=Class.THROTTLE,
        scope=Scope.MAILBOX,
        enhanced=("4.7.500-699", "4.7.850-899"),
        answer="451 4.7.500 Access denied, please try again later (ASxxxx)",
        meaning="Exchange Online slows this sender down because of suspicious activity.",
        remedy="It clears by itself; look for a device that sends more than usual: relay queue list",
        source=_NDR,
        wait_s=900,
    ),
    ReplyRow(
        rule="smtp.daily-limit",
        cls=Class.THROTTLE,
        scope=Scope.MAILBOX,
        says=r"SubmissionQuotaExceeded|Submission quota exceeded|daily limit for message recipients",
        enhanced=("5.1.90",),
        answer="554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException",
        meaning="The mailbox has reached 10 000 recipients in 24 hours; room comes back as the hours pass.",
        remedy="Spread the devices over several mailboxes, send to a distribution list, or use High Volume Email for "
        "internal mail",
        source=_LIMITS,
        wait_s=3600,
    ),
    ReplyRow(
        rule="smtp.tenant-external-limit",
        cls=Class.THROTTLE,
        scope=Scope.MESSAGE,
        says="tenant external recipient rate limit",
        enhanced=("5.7.232", "5.7.233", "5.7.236"),
        answer="550 5.7.233 Your message can't be sent because your tenant has exceeded its daily limit for sending "
        "email to external recipients",
        meaning="The organization has used up its external recipients of 24 hours (5.7.232: trial tenant; 5.7.236: "
        "onmicrosoft.com sender). Internal mail goes on.",
        remedy="Exchange admin center → Reports → Mail flow → Tenant Outbound External Recipients; send from your own "
        "domain, not from onmicrosoft.com",
        source="field reports quoting Microsoft, https://aka.ms/EXONdrs",
        wait_s=3600,
    ),
    ReplyRow(
        rule="smtp.recipient-flooded",
        cls=Class.TRANSIENT,
        scope=Scope.RECIPIENT,
        enhanced=("5.2.121", "5.2.122"),
        answer="550 5.2.121 …exceeded from specific sender",
        meaning="The recipient got more mail in this hour than Exchange Online delivers to one mailbox.",
        remedy="The relay tries again in an hour; send to fewer people at once or less often",
        source=_NDR,
        wait_s=3600,
    ),
    ReplyRow(
        rule="smtp.too-many-recipients",
        cls=Class.TRANSIENT,
        scope=Scope.RECIPIENT,
        says="too many recipients",
        enhanced=("4.5.3", "5.5.3"),
        answer="452 4.5.3 Too many recipients",
        meaning="One envelope takes no more recipients.",
        remedy="Nothing to do: those left over go in another envelope; the mailbox's limit is Get-Mailbox {mailbox} | "
        "Format-List RecipientLimits",
        source=_NDR + "; RFC 5321 §4.5.3.1.10",
    ),
    ReplyRow(
        rule="smtp.service-trouble",
        cls=Class.TRANSIENT,
        scope=Scope.MESSAGE,
        says=r"^4\d\d .*(Connection timed out|Service not active|Service not available|Temporary server error)",
        enhanced=("4.4.1", "4.4.2"),
        answer="451 4.7.0 Temporary server error. Please try again later. PRX4",
        meaning="Exchange Online has a problem of its own or closed the session.",
        remedy="Nothing to do: the relay tries again; if it lasts: Microsoft 365 admin center → Health → "
        "Service health",
        source="field reports of the wordings",
    ),
)
