"""What Exchange Online is known to refuse with over SMTP: name, stage and the literal text.

Sources: Microsoft's pages on SMTP submission, on printers and on non-delivery reports, and logs of the field; where
only a code is known its usual sentence stands here (docs/design/divergences.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass

_UNSUCCESSFUL = "535 5.7.139 Authentication unsuccessful, "
_SUBMISSION = "STOREDRV.Submission.Exception:"
_PERMANENT = "; Failed to process message due to a permanent exception with message Cannot submit message. {stamp}"
_NDRS = "For more information see https://aka.ms/EXONdrs."
_SIZE = "550 5.2.3 RESOLVER.RST."


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: where it comes and what it says; `close`: the session is over then."""

    stage: str
    reply: str
    close: bool = False


_SIGN_IN = {
    "tls-too-old": Answer(
        "secured",
        "421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update your client to support TLS 1.2. Visit "
        "https://aka.ms/smtp_auth_tls. {stamp}",
        close=True,
    ),
    "tls-forbidden": Answer(
        "secured", "421 5.7.67 TLS 1.0 and 1.1 are not supported by your organization {stamp}", close=True
    ),
    "not-authenticated": Answer("mail", "530 5.7.57 Client not authenticated to send mail. {stamp}"),
    "not-authenticated-anonymous": Answer(
        "mail", "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM {stamp}"
    ),
    "not-authenticated-because": Answer(
        "mail",
        "530 5.7.57 Client not authenticated to send mail. Error: 535 5.7.139 Authentication unsuccessful, "
        "SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more "
        "information. {stamp}",
    ),
    "authentication-unsuccessful": Answer("auth", "535 5.7.3 Authentication unsuccessful {stamp}"),
    "smtp-auth-disabled-tenant": Answer(
        "auth",
        _UNSUCCESSFUL + "SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled "
        "for more information. {stamp}",
    ),
    "smtp-auth-disabled-mailbox": Answer(
        "auth",
        _UNSUCCESSFUL + "SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled "
        "for more information. {stamp}",
    ),
    "basic-auth-disabled": Answer("auth", _UNSUCCESSFUL + "basic authentication is disabled. {stamp}"),
    "security-defaults": Answer(
        "auth",
        _UNSUCCESSFUL + "user is locked by your organization's security defaults policy. Contact your administrator. "
        "{stamp}",
    ),
    "criteria-not-met": Answer(
        "auth",
        _UNSUCCESSFUL + "the request did not meet the criteria to be authenticated successfully. Contact your "
        "administrator. {stamp}",
    ),
    "credentials-incorrect": Answer("auth", _UNSUCCESSFUL + "the user credentials were incorrect. {stamp}"),
    "sts-unreachable": Answer("auth", _UNSUCCESSFUL + "federated STS service was unreachable. {stamp}"),
    "sts-without-https": Answer("auth", _UNSUCCESSFUL + "the federated STS URL does not support HTTPS. {stamp}"),
    "basic-auth-retired": Answer("auth", "550 5.7.30 Basic authentication is not supported for Client Submission."),
    "token-expires-soon": Answer("auth", "501 5.5.127 Invalid XOAUTH2 auth data - Token will expire soon {stamp}"),
    "unrecognized-authentication": Answer("auth", "504 5.7.4 Unrecognized authentication type {stamp}"),
}

_PASSING = {
    "service-not-active": Answer("greeting", "421 4.3.2 Service not active", close=True),
    "connection-timed-out": Answer(
        "mail", "421 4.4.1 Connection timed out. Total session duration: 00:10:01", close=True
    ),
    "temporary-server-error": Answer("final", "451 4.7.0 Temporary server error. Please try again later. PRX4 {stamp}"),
    "temporary-server-error-at-auth": Answer(
        "auth", "451 4.7.0 Temporary server error. Please try again later. PRX2 {stamp}"
    ),
    "mailbox-logon-failure": Answer(
        "final",
        "430 4.2.0 STOREDRV; mailbox logon failure; " + _SUBMISSION + "ConnectionFailedTransientException."
        "MapiExceptionLogonFailed; Failed to process message due to a transient exception with message Cannot open "
        "mailbox {mailbox}. AuthenticationContext has no rights on this session {stamp}",
    ),
    "too-many-connections": Answer(
        "final",
        "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more "
        "information. [Hostname={host}]",
    ),
    "too-many-threads": Answer(
        "final", "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded [Hostname={host}]"
    ),
    "recipient-threads": Answer(
        "final", "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded [Hostname={host}]"
    ),
    "rate-exceeded": Answer(
        "mail",
        "421 4.4.2 Message submission rate for this client has exceeded the configured limit",
        close=True,
    ),
    "suspicious-activity": Answer("final", "451 4.7.500 Access denied, please try again later. (AS78009) {stamp}"),
    "suspicious-address": Answer("rcpt", "451 4.7.850 Access denied, please try again later {stamp}"),
    "recipient-flood-by-sender": Answer(
        "final", "450 5.2.121 Recipient's per hour message receive limit from specific sender exceeded {stamp}"
    ),
    "recipient-flood": Answer("final", "450 5.2.122 Recipient's per hour message receive limit exceeded {stamp}"),
    "too-many-recipients": Answer("rcpt", "452 4.5.3 Too many recipients"),
    "too-many-recipients-of-domain": Answer("rcpt", "451 4.5.3 Too many recipients {stamp}"),
}

_QUOTA = {
    "daily-recipients": Answer(
        "final",
        "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients {stamp}",
    ),
    "submission-quota": Answer("final", "554 5.2.0 " + _SUBMISSION + "SubmissionQuotaExceededException" + _PERMANENT),
    "submission-quota-522": Answer("final", "550 5.2.2 Submission quota exceeded {stamp}"),
    "tenant-external-trial": Answer(
        "final",
        "550 5.7.232 - Your message can't be sent because your trial tenant has exceeded its daily limit for sending "
        "email to external recipients (tenant external recipient rate limit). " + _NDRS,
    ),
    "tenant-external": Answer(
        "final",
        "550 5.7.233 - Your message can't be sent because your tenant has exceeded its daily limit for sending email "
        "to external recipients (tenant external recipient rate limit). " + _NDRS,
    ),
    "tenant-onmicrosoft": Answer(
        "final",
        "550 5.7.236 - Your message can't be sent because your tenant has exceeded its daily limit for sending email "
        "to external recipients from its onmicrosoft.com domain. " + _NDRS,
    ),
    "mailbox-full": Answer(
        "final",
        "554 5.2.2 mailbox full; " + _SUBMISSION + "QuotaExceededException.MapiExceptionShutoffQuotaExceeded"
        + _PERMANENT,
    ),
    "mailbox-over-quota": Answer(
        "final",
        "554 5.2.2 mailbox full; " + _SUBMISSION + "QuotaExceededException.MapiExceptionQuotaExceeded" + _PERMANENT,
    ),
}  # fmt: skip

_SENDER = {
    "bad-outbound-sender": Answer("final", "550 5.1.8 Access denied, bad outbound sender AS(42004) [{host}]"),
    "send-as-denied": Answer("final", "{send_as_denied}"),
    "send-as-denied-classic": Answer(
        "final", "550 5.7.60 SMTP; Client does not have permissions to send as this sender {stamp}"
    ),
    "send-as-denied-classic-554": Answer(
        "final", "554 5.7.60 SMTP; Client does not have permissions to send as this sender {stamp}"
    ),
    "invalid-sender": Answer("mail", "501 5.1.7 Invalid address"),
    "spam-abuse": Answer("final", "550 5.7.501 Access denied, spam abuse detected {stamp}"),
    "banned-sender": Answer("final", "550 5.7.502 Access denied, banned sender {stamp}"),
    "banned-sender-503": Answer("final", "550 5.7.503 Access denied, banned sender {stamp}"),
    "dmarc": Answer(
        "final",
        "550 5.7.509 Access denied, sending domain contoso.test does not pass DMARC verification and has a DMARC "
        "policy of reject. {stamp}",
    ),
    "unregistered-domain": Answer(
        "final", "550 5.7.750 Service unavailable. Client blocked from sending from unregistered domains. {stamp}"
    ),
    "tenant-threshold": Answer("final", "550 5.7.705 Access denied, tenant has exceeded threshold. {stamp}"),
    "tenant-traffic": Answer("final", "550 5.7.708 Access denied, traffic not accepted from this IP. {stamp}"),
    "address-limit": Answer("rcpt", "550 5.7.508 Access denied, [127.0.0.1] has exceeded permitted limits {stamp}"),
    "address-banned": Answer("rcpt", "550 5.7.511 Access denied, banned sender[127.0.0.1]. {stamp}"),
    "address-blocked": Answer("rcpt", "550 5.7.606 Access denied, banned sending IP [127.0.0.1]. {stamp}"),
    "tenant-attribution": Answer("rcpt", "550 5.7.64 TenantAttribution; Relay Access Denied {stamp}"),
    "direct-send": Answer(
        "rcpt",
        "550 5.7.68 TenantInboundAttribution; Direct Send not allowed for this organization from unauthorized sources "
        "{stamp}",
    ),
}

_RECIPIENT = {
    "invalid-recipient": Answer("rcpt", "501 5.1.3 Invalid address"),
    "invalid-recipient-553": Answer("rcpt", "553 5.1.3 Invalid address"),
    "recipient-unknown": Answer("rcpt", "550 5.1.1 User unknown {stamp}"),
    "recipient-not-found": Answer(
        "rcpt", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"
    ),
    "recipient-rejected": Answer("rcpt", "550 5.4.1 Recipient address rejected: Access denied. {stamp}"),
    "recipient-restricted": Answer("rcpt", "550 5.7.1 RESOLVER.RST.AuthRequired; authentication required {stamp}"),
    "recipient-allows-others": Answer("rcpt", "550 5.7.124 Sender not in allowed-senders list {stamp}"),
    "recipient-group": Answer("rcpt", "550 5.7.133 Sender not authenticated for group {stamp}"),
    "recipient-mailbox": Answer("rcpt", "550 5.7.134 Sender not authenticated for mailbox {stamp}"),
    "recipient-folder": Answer("rcpt", "550 5.7.135 Sender not authenticated for public folder {stamp}"),
    "recipient-mail-user": Answer("rcpt", "550 5.7.136 Sender not authenticated for mail user {stamp}"),
    "recipient-size": Answer("rcpt", _SIZE + "RecipSizeLimit; message too large for this recipient"),
    "blocked-by-list": Answer(
        "final",
        "550 5.7.703 Your message can't be delivered because messages to someone are blocked by your organization "
        "using Tenant Allow Block List. {stamp}",
    ),
}

_MESSAGE = {
    "size-sender": Answer("final", _SIZE + "SendSizeLimit.Sender; message too large for this sender"),
    "size-organization": Answer("final", _SIZE + "SendSizeLimit.Org; message too large for this organization"),
    "size-sender-500": Answer(
        "final", "500 5.2.11 RESOLVER.RST.SendSizeLimit.Sender; message too large for this sender"
    ),
    "size-fixed": Answer("mail", "552 5.3.4 Message size exceeds fixed maximum message size"),
    "size-message": Answer("final", "552 5.2.3 Message size exceeds maximum message size"),
    "corrupt": Answer("final", "554 5.6.0 Corrupt message content {stamp}"),
    "bare-line-feeds": Answer("final", "550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal; message contains bare linefeeds"),
    "no-from": Answer(
        "final",
        "550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant and include a valid From address",
    ),
    "many-from": Answer("final", "550 5.1.20 Multiple From addresses are not allowed without Sender address"),
}

OF_SMTP: Mapping[str, Answer] = {**_SIGN_IN, **_PASSING, **_QUOTA, **_SENDER, **_RECIPIENT, **_MESSAGE}
