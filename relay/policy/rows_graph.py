"""Verdict rows for Microsoft Graph's answers to sendMail: `{"error": {"code", "message"}}` under an HTTP status.

Graph takes a message whole or not at all, so that no row speaks of one recipient by name.
"""

from __future__ import annotations

from relay.message.outcome import Scope
from relay.policy.verdict import Class, GraphRow

_SEND = "Microsoft Graph, user: sendMail"
_MIME = "Microsoft Graph, send a message in MIME format"
_THROTTLING = "Microsoft Graph, throttling limits of Outlook"
_FIELD = "field reports of the code"
_PRINCIPAL = "$sp = Get-ServicePrincipal | Where-Object AppId -eq {client_id}; "
_HEALTH = "Microsoft 365 admin center → Health → Service health"
_BY_THEN_S = 86_400.0  # what lasts a day is no accident on the way: somebody has to look, and mail is kept
_SIZE = (
    "Set-Mailbox {mailbox} -MaxSendSize 150MB -MaxReceiveSize 150MB   (150 MB is the most), or scan with a lower "
    "resolution"
)

ACCESS = (
    GraphRow(
        rule="graph.token-refused",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        errors=("InvalidAuthenticationToken", "CompactToken", "AuthenticationError"),
        statuses=(401,),
        answer="HTTP 401 InvalidAuthenticationToken Access token validation failure. Invalid audience.",
        meaning="Graph does not accept the token: it is for another service or cloud, or it has ended.",
        remedy="Take apps.{app}.graph_scope out, or set it to https://{graph_host}/.default; check apps.{app}.cloud "
        "and the clock of this machine",
        source="Microsoft Graph, error responses; field reports",
    ),
    GraphRow(
        rule="graph.access-denied",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        errors=("ErrorAccessDenied", "Authorization_RequestDenied", "AccessDenied", "ErrorItemNotAccessible"),
        statuses=(403,),
        answer="HTTP 403 ErrorAccessDenied Access is denied. Check credentials and try again.",
        meaning="The app may not send as this mailbox: no Mail.Send permission, no consent, or the mailbox is out of "
        "the scope of its role.",
        remedy=_PRINCIPAL + "Test-ServicePrincipalAuthorization -Identity $sp.ObjectId -Resource {mailbox} | "
        "Format-Table   (Application Mail.Send must say InScope True; missing: New-ManagementRoleAssignment -Role "
        "'Application Mail.Send' -App $sp.ObjectId -CustomResourceScope 'SMTP Relay Scope', whole script: relay setup "
        "m365 {profile}). Without RBAC, or delegated: Entra admin center → App registrations → {client_id} → API "
        "permissions → Microsoft Graph → Mail.Send → Grant admin consent",
        source=_SEND + "; Microsoft, RBAC for Applications; field reports",
    ),
    GraphRow(
        rule="graph.send-as-denied",
        cls=Class.CONFIGURATION,
        scope=Scope.MESSAGE,
        errors=("ErrorSendAsDenied",),
        says="does not have the right to send mail on behalf",
        answer="HTTP 403 ErrorSendAsDenied The user account which was used to submit this request does not have the "
        "right to send mail on behalf of the specified sending account., Cannot submit message.",
        meaning="The mailbox may not send as the address in From. Messages of other senders go on.",
        remedy=_PRINCIPAL + "Add-RecipientPermission {sender} -Trustee $sp.ObjectId -AccessRights SendAs "
        "-Confirm:$false   (delegated sign-in: -Trustee {account}); or write the mailbox's own address as sender: "
        "profiles.{profile}.from: mailbox",
        source="Microsoft, Add-RecipientPermission; field reports of the wording",
    ),
)

MAILBOX = (
    GraphRow(
        rule="graph.mailbox-not-in-cloud",
        cls=Class.CONFIGURATION,
        scope=Scope.MAILBOX,
        errors=("MailboxNotEnabledForRESTAPI", "MailboxNotSupportedForRESTAPI", "ErrorMissingEmailAddress"),
        says="mailbox is either inactive, soft-deleted, or is hosted on-premise",
        answer="HTTP 404 MailboxNotEnabledForRESTAPI The mailbox is either inactive, soft-deleted, or is hosted "
        "on-premise.",
        meaning="There is an account, but no Exchange Online mailbox: no licence, deleted, a guest, or on premises.",
        remedy="Get-Mailbox {mailbox} | Format-List RecipientTypeDetails   must find it; else give {mailbox} a plan "
        "with Exchange Online: Microsoft 365 admin center → Users → Active users → {mailbox} → Licenses and apps",
        source=_FIELD,
    ),
    GraphRow(
        rule="graph.mailbox-unknown",
        cls=Class.CONFIGURATION,
        scope=Scope.MAILBOX,
        errors=(
            "ErrorInvalidUser",
            "ResourceNotFound",
            "Request_ResourceNotFound",
            "ErrorNonExistentMailbox",
            "UserNotFound",
        ),
        statuses=(404,),
        answer="HTTP 404 ErrorInvalidUser The requested user 'scanner@contoso.com' is invalid.",
        meaning="Graph finds no user of this address in the tenant. It looks for the user principal name, not for an "
        "alias.",
        remedy="Get-Mailbox {mailbox} | Format-List UserPrincipalName,PrimarySmtpAddress   and write the "
        "UserPrincipalName under profiles.{profile}.upn where it differs; check apps.{app}.tenant ({tenant})",
        source=_SEND + "; " + _FIELD,
    ),
    GraphRow(
        rule="graph.mailbox-full",
        cls=Class.CONFIGURATION,
        scope=Scope.MAILBOX,
        errors=("ErrorQuotaExceeded", "ErrorQuotaExceededMessageCanNotBeSent"),
        statuses=(507,),
        answer="HTTP 507 ErrorQuotaExceeded The mailbox has exceeded its quota.",
        meaning="The sending mailbox is full. Graph keeps a copy of everything it sends in Sent Items, and that cannot "
        "be switched off.",
        remedy="Empty Sent Items and Deleted Items of {mailbox}, or give it a retention policy: Set-Mailbox {mailbox} "
        "-RetentionPolicy 'Default MRM Policy'; or send by SMTP, where copies can be switched off: "
        "profiles.{profile}.transport: smtp",
        source=_SEND + "; " + _FIELD,
    ),
    GraphRow(
        rule="graph.account-suspended",
        cls=Class.CONFIGURATION,
        scope=Scope.MAILBOX,
        errors=("ErrorAccountSuspend", "ErrorAccountSuspendShowTierUpgrade", "ErrorMessageSubmissionBlocked"),
        answer="HTTP 403 ErrorMessageSubmissionBlocked Cannot send mail.",
        meaning="Exchange Online sends nothing of this mailbox until it is unblocked: it was seen sending spam.",
        remedy="Microsoft Defender portal → Email & collaboration → Review → Restricted entities → {mailbox} → Unblock "
        "(https://security.microsoft.com/restrictedentities), after finding which device sent it",
        source=_FIELD,
    ),
)

LIMITS = (
    GraphRow(
        rule="graph.throttled",
        cls=Class.THROTTLE,
        scope=Scope.MAILBOX,
        errors=(
            "TooManyRequests",
            "ApplicationThrottled",
            "ErrorTooManyRequests",
            "activityLimitReached",
            "CommandConcurrencyLimitReached",
        ),
        says=r"over its \w+ limit",
        statuses=(429,),
        answer="HTTP 429 ApplicationThrottled Application is over its MailboxConcurrency limit.",
        meaning="Too many requests for this mailbox: four at a time, 10 000 in ten minutes and 150 MB in five minutes "
        "are allowed to one app.",
        remedy="Nothing to do: the relay waits as long as Graph says. If it lasts: set mailboxes.{mailbox}.sessions "
        "to 1, and look for another program that uses app {client_id}",
        source=_THROTTLING,
        wait_s=30,
    ),
    GraphRow(
        rule="graph.daily-limit",
        cls=Class.THROTTLE,
        scope=Scope.MAILBOX,
        errors=(
            "ErrorExceededMessageLimit",
            "ErrorExceededMaxRecipientLimit",
            "ErrorExceededMaxRecipientLimitBlock",
            "ErrorExceededHourlyMessageLimit",
            "ErrorSubmissionQuotaExceeded",
            "ErrorSendQuotaExceeded",
        ),
        answer="HTTP 403 ErrorExceededMessageLimit Cannot send mail. Daily Message/Recipient limit exceeded.",
        meaning="The mailbox has reached its messages or recipients of 24 hours (10 000 recipients); room comes back "
        "as the hours pass.",
        remedy="Spread the devices over several mailboxes, send to a distribution list, or use High Volume Email for "
        "internal mail: profiles.{profile}.transport: hve",
        source=_SEND + "; " + _FIELD,
        wait_s=3600,
    ),
)

CONTENT = (
    GraphRow(
        rule="graph.request-too-big",
        cls=Class.MESSAGE,
        scope=Scope.MESSAGE,
        errors=("RequestEntityTooLarge", "ErrorRequestTooLarge", "BadRequestTooLarge"),
        says=r"maximum request length supported|request entity too large",
        statuses=(413,),
        answer="HTTP 413 RequestEntityTooLarge The maximum request length supported is 4MB.",
        meaning="The message is larger than Graph takes in one request: about 3 MB with attachments encoded.",
        remedy="profiles.{profile}.fallback: smtp   with   profiles.{profile}.graph.too_big: fallback; or send all by "
        "SMTP: profiles.{profile}.transport: smtp; or scan with a lower resolution",
        source="Microsoft Graph documentation, issues 682 and 13979",
    ),
    GraphRow(
        rule="graph.message-too-big",
        cls=Class.MESSAGE,
        scope=Scope.MESSAGE,
        errors=("ErrorMessageSizeExceeded", "ErrorItemSizeExceeded", "ErrorAttachmentSizeLimitExceeded"),
        says="message exceeds the maximum supported size",
        answer="HTTP 413 ErrorMessageSizeExceeded The message exceeds the maximum supported size.",
        meaning="The message is larger than this mailbox sends.",
        remedy=_SIZE,
        source="Microsoft, Set-Mailbox; " + _FIELD,
    ),
    GraphRow(
        rule="graph.body-damaged",
        cls=Class.TRANSIENT,
        scope=Scope.MESSAGE,
        errors=("ErrorMimeContentInvalidBase64String",),
        says="invalid base64 string for MIME content",
        answer="HTTP 400 ErrorMimeContentInvalidBase64String Invalid base64 string for MIME content.",
        meaning="The request arrived damaged: something on the way changed it. As an answer to relay doctor's probe it "
        "proves that the app may send.",
        remedy="Nothing to do: the relay tries again. If it lasts: let the proxy pass {graph_host} unchanged "
        "(outgoing.https_proxy)",
        source=_MIME,
        patience_s=_BY_THEN_S,
    ),
    GraphRow(
        rule="graph.request-not-understood",
        cls=Class.TRANSIENT,
        scope=Scope.MESSAGE,
        errors=(
            "BadRequest",
            "ErrorInvalidRequest",
            "invalidRequest",
            "UnableToDeserializePostBody",
            "RequestBodyRead",
        ),
        statuses=(405, 411, 415),
        answer="HTTP 400 BadRequest Bad Request",
        meaning="Graph did not understand the relay; that is no fault of the message.",
        remedy="Check profiles.{profile}.graph.url (https://{graph_host}/v1.0) and what outgoing.https_proxy makes of "
        "requests, and report the answer; profiles.{profile}.transport: smtp is the way around it",
        source="Microsoft Graph, error responses",
        patience_s=_BY_THEN_S,
    ),
    GraphRow(
        rule="graph.message-malformed",
        cls=Class.MESSAGE,
        scope=Scope.MESSAGE,
        errors=("ErrorMimeContentInvalid", "ErrorMimeContentConversionFailed"),
        answer="HTTP 400 ErrorMimeContentInvalid The MIME content is invalid.",
        meaning="The message is malformed in a way that the relay did not repair.",
        remedy="relay queue show {message}   names what was repaired; report the device model with it. SMTP may take "
        "it: profiles.{profile}.transport: smtp",
        source="Microsoft, EWS response codes, which Graph's mail errors share",
    ),
    GraphRow(
        rule="graph.recipients-invalid",
        cls=Class.RECIPIENT,
        scope=Scope.MESSAGE,
        errors=("ErrorInvalidRecipients",),
        says="at least one recipient is not valid",
        answer="HTTP 400 ErrorInvalidRecipients At least one recipient is not valid.",
        meaning="A recipient's address is malformed; Graph takes the message whole or not at all, so that nobody got "
        "it.",
        remedy="Correct the address in the device's address book",
        source=_FIELD,
    ),
    GraphRow(
        rule="graph.message-blocked",
        cls=Class.MESSAGE,
        scope=Scope.MESSAGE,
        errors=("ErrorMessageBlocked", "ErrorDataLossPreventionPolicyViolation"),
        answer="HTTP 403 ErrorMessageBlocked Cannot send mail.",
        meaning="A policy of the organization, or the spam filter, does not let this message out.",
        remedy="Exchange admin center → Mail flow → Message trace (sender {mailbox}) names the rule or filter",
        source=_FIELD,
    ),
)

TROUBLE = (
    GraphRow(
        rule="graph.service-busy",
        cls=Class.TRANSIENT,
        scope=Scope.MAILBOX,
        errors=(
            "ErrorServerBusy",
            "ServiceUnavailable",
            "serviceNotAvailable",
            "ErrorMailboxStoreUnavailable",
            "ErrorMailboxMoveInProgress",
            "MailboxInTransit",
        ),
        statuses=(503,),
        answer="HTTP 503 ErrorServerBusy The server is too busy. Try again later.",
        meaning="Graph, or the server of this mailbox, takes nothing for now.",
        remedy="Nothing to do: the relay tries again. If it lasts: " + _HEALTH,
        source="Microsoft Graph, error responses; " + _FIELD,
    ),
    GraphRow(
        rule="graph.service-trouble",
        cls=Class.TRANSIENT,
        scope=Scope.MESSAGE,
        errors=(
            "ErrorInternalServerError",
            "ErrorInternalServerTransientError",
            "ErrorTimeoutExpired",
            "generalException",
        ),
        statuses=(408, 500, 502, 504),
        answer="HTTP 500 ErrorInternalServerError An internal server error occurred. The operation failed.",
        meaning="Graph has a problem of its own.",
        remedy="Nothing to do: the relay tries again. If it lasts: " + _HEALTH,
        source="Microsoft Graph, error responses",
    ),
)

GRAPH = (*ACCESS, *MAILBOX, *LIMITS, *CONTENT, *TROUBLE)


def _other(name: str, cls: Class, answer: str, meaning: str, remedy: str, patience_s: float | None = None) -> GraphRow:
    return GraphRow(
        rule=f"graph.other-{name}", cls=cls, scope=Scope.MESSAGE, answer=answer, meaning=meaning, remedy=remedy,
        source="RFC 9110 §15; Microsoft Graph, error responses", patience_s=patience_s,
    )  # fmt: skip


_REPORT = "relay explain   with the answer says how to report it"

OTHER_REFUSAL = _other(
    "refusal", Class.MESSAGE, "any other error code under HTTP 400 or 422",
    "Graph refuses this message for a reason that this relay does not know.",
    "Look the code up at https://learn.microsoft.com/graph/errors; " + _REPORT + "; the message stays in the spool for "
    "a while and can be sent again",
)  # fmt: skip
OTHER_4XX = _other(
    "4xx", Class.CONFIGURATION, "any other HTTP 4xx, or one without an error code",
    "The request was refused, by Graph or by something before it, for a reason that does not lie in the message.",
    "Check profiles.{profile}.graph.url and outgoing.https_proxy; " + _REPORT,
)  # fmt: skip
OTHER_5XX = _other(
    "5xx", Class.TRANSIENT, "any other HTTP 5xx", "Graph, or something before it, has a problem of its own.",
    "Nothing to do: the relay tries again. If it lasts: " + _HEALTH,
)  # fmt: skip
OTHER_STATUS = _other(
    "status", Class.TRANSIENT, "a status outside 400–599", "What answered was not Graph: a proxy or a captive portal.",
    "Let the proxy pass {graph_host} unauthenticated; check profiles.{profile}.graph.url", _BY_THEN_S,
)  # fmt: skip
OTHERS = (OTHER_REFUSAL, OTHER_4XX, OTHER_5XX, OTHER_STATUS)
