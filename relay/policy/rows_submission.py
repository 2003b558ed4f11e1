"""Verdict rows for Exchange Online's answers to a message: sender, organization, recipient, content."""

from __future__ import annotations

from relay.message.outcome import Scope
from relay.policy.verdict import Class, ReplyRow

_NDR = "Microsoft SupportArticles, non-delivery reports in Exchange Online"
_PRINTERS = "Microsoft SupportArticles, printers, scanners and LOB applications"
_57XX = "Microsoft SupportArticles, fix error codes 5.7.700 through 5.7.750"
_SEND_AS = (
    "$sp = Get-ServicePrincipal | Where-Object AppId -eq {client_id}; Add-RecipientPermission {sender} -Trustee "
    "$sp.ObjectId -AccessRights SendAs -Confirm:$false   (delegated sign-in: -Trustee {account}); or write the "
    "mailbox's own address as sender: profiles.{profile}.from: mailbox"
)
_SUPPORT = "Microsoft 365 admin center → Help & support → New service request, quoting the answer"
_ONE_RECIPIENT = ("rcpt", "data", "final")

SENDERS = (
    ReplyRow(
        rule="smtp.mailbox-full",
        cls=Class.CONFIGURATION,
        scope=Scope.MAILBOX,
        says=r"QuotaExceededException|Mapi\w*QuotaExceeded|mailbox full",
        enhanced=("5.2.2",),
        stages=("mail", "data", "final"),
        answer="554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException."
        "MapiExceptionShutoffQuotaExceeded",
        meaning="The sending mailbox is full, mostly with copies in Sent Items; Exchange takes no more from it.",
        remedy="Set-Mailbox {mailbox} -MessageCopyForSMTPClientSubmissionEnabled $false   and empty Sent Items and "
        "Deleted Items of {mailbox}, or give it a retention policy",
        source="Microsoft SupportArticles, smtp-submission-improvements; Set-Mailbox",
    ),
    ReplyRow(
        rule="smtp.send-as-denied",
        cls=Class.CONFIGURATION,
        scope=Scope.MESSAGE,
        says=r"SendAsDenied(?:.{0,200}?not allowed to send as (?P<sender>[^\s;]+))?"
        "|does not have permissions to send as this sender",
        enhanced=("5.2.252", "5.7.60"),
        answer="554 5.2.252 SendAsDenied; a@x not allowed to send as b@x; STOREDRV.Submission.Exception:"
        "SendAsDeniedException.MapiExceptionSendAsDenied, or 550 5.7.60 SMTP; Client does not have permissions to send "
        "as this sender",
        meaning="The mailbox that signs in may not send as the address in From; told only after the whole message. "
        "Messages of other senders go on.",
        remedy=_SEND_AS,
        source=_PRINTERS + "; Add-RecipientPermission; a server log of November 2025",
    ),
    ReplyRow(
        rule="smtp.restricted-sender",
        cls=Class.CONFIGURATION,
        scope=Scope.MAILBOX,
        says="bad outbound sender",
        enhanced=("5.1.8",),
        stages=("auth", "mail", "data", "final"),
        answer="550 5.1.8 Access denied, bad outbound sender AS(42004)",
        meaning="The mailbox is on the list of restricted entities: it was seen sending spam.",
        remedy="Microsoft Defender portal → Email & collaboration → Review → Restricted entities → {mailbox} → Unblock "
        "(https://security.microsoft.com/restrictedentities), after finding which device sent it",
        source=_NDR,
    ),
    ReplyRow(
        rule="smtp.sender-banned",
        cls=Class.CONFIGURATION,
        scope=Scope.MAILBOX,
        enhanced=("5.7.501-503",),
        answer="550 5.7.501 Access denied, spam abuse detected. The sending account has been banned",
        meaning="The sending account has been banned for spam.",
        remedy="Reset the credentials of {mailbox} and of app {app}, then: " + _SUPPORT,
        source=_NDR,
    ),
    ReplyRow(
        rule="smtp.from-unregistered-domain",
        cls=Class.CONFIGURATION,
        scope=Scope.MESSAGE,
        says="unregistered domain",
        enhanced=("5.7.750",),
        answer="550 5.7.750 Client blocked from sending from unregistered domains",
        meaning="The domain in From is not an accepted domain of the organization. Other senders' messages go on.",
        remedy="Add the domain of {sender}: Microsoft 365 admin center → Settings → Domains → Add domain (check: "
        "Get-AcceptedDomain); or profiles.{profile}.from: mailbox",
        source=_57XX,
    ),
)

ORGANIZATION = (
    ReplyRow(
        rule="smtp.tenant-blocked",
        cls=Class.CONFIGURATION,
        scope=Scope.TENANT,
        says="tenant has exceeded threshold",
        enhanced=("5.7.705",),
        answer="550 5.7.705 Access denied, tenant has exceeded threshold",
        meaning="The organization may not send: outbound spam, or a subscription that lapsed (up to a day after it was "
        "renewed).",
        remedy="Microsoft 365 admin center → Billing → Your products (is the subscription active?); then " + _SUPPORT,
        source=_57XX,
    ),
    ReplyRow(
        rule="smtp.tenant-low-reputation",
        cls=Class.CONFIGURATION,
        scope=Scope.TENANT,
        says="traffic not accepted from this IP",
        enhanced=("5.7.708",),
        answer="550 5.7.708 Access denied, traffic not accepted from this IP",
        meaning="The organization is new or on trial, and its reputation is too low to send.",
        remedy="Buy a licence (Microsoft 365 admin center → Billing → Purchase services); else " + _SUPPORT,
        source=_57XX,
    ),
    ReplyRow(
        rule="smtp.ip-blocked",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        enhanced=("5.7.508", "5.7.511", "5.7.606-649"),
        answer="550 5.7.606 Access denied, banned sending IP",
        meaning="The public address of this relay is limited or banned; normally seen on port 25 only.",
        remedy="Check that endpoint.port of profile {profile} is 587; delist the address at https://sender.office.com",
        source=_NDR,
    ),
    ReplyRow(
        rule="smtp.connector-refused",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says="TenantAttribution; Relay Access Denied",
        enhanced=("5.7.64",),
        answer="550 5.7.64 TenantAttribution; Relay Access Denied",
        meaning="No inbound connector of the organization matches this relay's address or certificate.",
        remedy="Exchange admin center → Mail flow → Connectors: put in this relay's public address or certificate "
        "name; or sign in instead: profiles.{profile}.endpoint.host: {smtp_host}",
        source=_NDR,
    ),
    ReplyRow(
        rule="smtp.direct-send-refused",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says="Direct Send not allowed",
        enhanced=("5.7.68",),
        answer="550 5.7.68 TenantInboundAttribution; Direct Send not allowed for this organization from unauthorized "
        "sources",
        meaning="The session was taken for anonymous mail, and the organization rejects Direct Send.",
        remedy="Use the client submission host, where the relay signs in: profiles.{profile}.endpoint.host: "
        "{smtp_host}, port 587; or give the organization an inbound connector for this relay's certificate or address "
        "(profiles.{profile}.connector)",
        source="Microsoft Exchange team blog, Direct Send; Set-OrganizationConfig -RejectDirectSend",
    ),
)

RECIPIENTS = (
    ReplyRow(
        rule="smtp.recipient-unknown",
        cls=Class.RECIPIENT,
        scope=Scope.RECIPIENT,
        says=r"RecipientNotFound|recipient not found|Recipient address rejected|not taken: mailbox unavailable",
        enhanced=("5.1.10", "5.1.1", "5.4.1", "5.7.504-505"),
        stages=_ONE_RECIPIENT,
        answer="550 5.1.10 Recipient not found",
        meaning="There is no such recipient.",
        remedy="Correct the address in the device's address book",
        source=_NDR,
    ),
    ReplyRow(
        rule="smtp.recipient-malformed",
        cls=Class.RECIPIENT,
        scope=Scope.RECIPIENT,
        enhanced=("5.1.3",),
        codes=(553,),
        stages=("rcpt",),
        answer="501 5.1.3 Invalid address (to RCPT)",
        meaning="The recipient's address is malformed.",
        remedy="Correct the address in the device's address book",
        source="field reports; RFC 3463 §3.2",
    ),
    ReplyRow(
        rule="smtp.recipient-restricted",
        cls=Class.RECIPIENT,
        scope=Scope.RECIPIENT,
        enhanced=("5.7.1", "5.7.12-13", "5.7.124", "5.7.133-136"),
        stages=_ONE_RECIPIENT,
        answer="550 5.7.124 Sender not in allowed-senders list",
        meaning="The recipient or group takes no mail from this sender.",
        remedy="The group's owner allows it: Set-DistributionGroup {recipient} -AcceptMessagesOnlyFromSendersOrMembers "
        "@{{Add={sender}}}",
        source=_NDR,
    ),
    ReplyRow(
        rule="smtp.recipient-size-limit",
        cls=Class.RECIPIENT,
        scope=Scope.RECIPIENT,
        says=r"RecipSizeLimit|too large for this recipient",
        stages=_ONE_RECIPIENT,
        answer="550 5.2.3 RESOLVER.RST.RecipSizeLimit; message too large for this recipient",
        meaning="The message is larger than this recipient's mailbox receives.",
        remedy="Set-Mailbox {recipient} -MaxReceiveSize 150MB, or scan with a lower resolution",
        source="Microsoft, Set-Mailbox; field reports of the wording",
    ),
    ReplyRow(
        rule="smtp.recipient-full",
        cls=Class.RECIPIENT,
        scope=Scope.RECIPIENT,
        says="mailbox full",
        enhanced=("5.2.2",),
        stages=("rcpt",),
        answer="552 5.2.2 mailbox full (to RCPT)",
        meaning="The recipient's mailbox is full.",
        remedy="The recipient empties the mailbox",
        source=_NDR,
    ),
)

CONTENT = (
    ReplyRow(
        rule="smtp.address-not-ascii",
        cls=Class.MESSAGE,
        scope=Scope.MESSAGE,
        enhanced=("5.6.7",),
        answer="553 5.6.7 the address is not ASCII and the server does not offer SMTPUTF8",
        meaning="The address has characters beyond ASCII, and the server takes no such addresses.",
        remedy="Write the address in ASCII in the device, the domain in its xn-- form; or profiles.{profile}.from: "
        "mailbox",
        source="RFC 6531 §3.5",
    ),
    ReplyRow(
        rule="smtp.too-big",
        cls=Class.MESSAGE,
        scope=Scope.MESSAGE,
        says=r"SendSizeLimit|exceeds fixed maximum message size|too large for this sender",
        enhanced=("5.2.3", "5.3.4", "5.2.11"),
        codes=(552,),
        answer="550 5.2.3 RESOLVER.RST.SendSizeLimit.Sender; message too large for this sender",
        meaning="The message is larger than this mailbox or the service sends.",
        remedy="Set-Mailbox {mailbox} -MaxSendSize 150MB -MaxReceiveSize 150MB   (150 MB is the most), or scan with a "
        "lower resolution; intake.max_message_size tells devices the limit beforehand",
        source="Microsoft, Set-Mailbox; field reports of the wordings",
    ),
    ReplyRow(
        rule="smtp.sender-malformed",
        cls=Class.MESSAGE,
        scope=Scope.MESSAGE,
        enhanced=("5.1.7", "5.1.3"),
        codes=(553,),
        stages=("mail",),
        answer="501 5.1.7 Invalid address (to MAIL)",
        meaning="The sender's address is malformed.",
        remedy="Correct the sender in the device's settings, or profiles.{profile}.from: mailbox",
        source="field reports; RFC 3463 §3.2",
    ),
    ReplyRow(
        rule="smtp.message-malformed",
        cls=Class.MESSAGE,
        scope=Scope.MESSAGE,
        says="RFC 5322 section 3.6.2 compliant|Multiple From addresses",
        enhanced=("5.6.0", "5.6.11", "5.7.512", "5.1.20"),
        answer="550 5.6.11 Invalid characters",
        meaning="The message is malformed in a way that the relay did not repair: bare line feeds, no valid From, or "
        "several of them without Sender.",
        remedy="relay queue show {message}   names what was repaired; report the device model with it",
        source=_NDR,
    ),
    ReplyRow(
        rule="smtp.dmarc",
        cls=Class.MESSAGE,
        scope=Scope.MESSAGE,
        enhanced=("5.7.509",),
        answer="550 5.7.509 Access denied, sending domain does not pass DMARC verification",
        meaning="The domain in From forbids by DMARC that this organization sends for it.",
        remedy="profiles.{profile}.from: mailbox   or correct SPF, DKIM and DMARC of the domain of {sender}",
        source=_NDR,
    ),
    ReplyRow(
        rule="smtp.blocked-by-list",
        cls=Class.MESSAGE,
        scope=Scope.MESSAGE,
        enhanced=("5.7.703",),
        answer="550 5.7.703 Your message can't be delivered because one or more recipients are blocked",
        meaning="A recipient is on the organization's Tenant Allow/Block List; the whole message is refused.",
        remedy="Microsoft Defender portal → Policies & rules → Threat policies → Tenant Allow/Block Lists: take the "
        "recipient off",
        source=_57XX,
    ),
    ReplyRow(
        rule="smtp.command-not-understood",
        cls=Class.TRANSIENT,
        scope=Scope.MESSAGE,
        codes=(500, 502, 503, 504),
        stages=("mail", "rcpt", "data", "final"),
        answer="503 5.5.1 Bad sequence of commands",
        meaning="The server did not understand the relay; that is no fault of the message.",
        remedy="Try profiles.{profile}.pipelining: false and chunking: false, and report the answer",
        source="RFC 5321 §4.2.4 and §4.3.2",
    ),
)
