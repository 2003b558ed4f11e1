"""Verdict rows for what lies beyond client submission: a connector that takes the relay for a stranger, and refusals of
the recipient's side, which mostly come back in a bounce after Exchange Online took the message.
"""

from __future__ import annotations

from relay.message.outcome import Scope
from relay.policy.verdict import Class, ReplyRow

_NDR = "Microsoft SupportArticles, non-delivery reports in Exchange Online"
_ONE_RECIPIENT = ("rcpt", "data", "final")
_CONNECTOR = (
    "Exchange admin center → Mail flow → Connectors: an inbound connector must name this relay's public address or the "
    "certificate of profiles.{profile}.connector; or sign in instead: profiles.{profile}.transport: smtp"
)

STRANGER = (
    ReplyRow(
        rule="smtp.relaying-refused",
        cls=Class.CONFIGURATION,
        scope=Scope.MESSAGE,
        says=r"Unable to relay",
        enhanced=("5.7.54",),
        stages=_ONE_RECIPIENT,
        answer="550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
        meaning="The server takes the relay for a stranger, and a stranger may only write to the organization's own "
        "domains.",
        remedy=_CONNECTOR,
        source=_NDR + "; field reports of the wording",
    ),
    ReplyRow(
        rule="smtp.partner-connector",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says="There is a partner connector configured",
        enhanced=("5.7.51",),
        answer="550 5.7.51 TenantInboundAttribution; There is a partner connector configured that matched the "
        "message's recipient domain",
        meaning="The organization takes mail only through its mail gateway (a partner connector limited to addresses "
        "or a certificate), and the relay came past it.",
        remedy=_CONNECTOR,
        source="field reports of the wording",
    ),
    ReplyRow(
        rule="smtp.ipv6-refused",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says=r"IPv6.*(must (pass|have)|does not accept)|does not accept email over IPv6",
        enhanced=("5.7.25", "4.7.26", "5.7.510"),
        answer="550 5.7.25 Access denied, the sending IPv6 address must have a reverse DNS record",
        meaning="Over IPv6 the server takes only mail whose sender it can prove.",
        remedy="outgoing.address_family: ipv4   or give the IPv6 address of this relay a reverse DNS record, and the "
        "domain of {sender} SPF or DKIM",
        source=_NDR,
    ),
    ReplyRow(
        rule="smtp.helo-refused",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says="Bad HELO",
        enhanced=("5.7.506",),
        answer="550 5.7.506 Access Denied, Bad HELO",
        meaning="The name the relay greets with is not one of its own.",
        remedy="Set hostname to this machine's full name, such as relay.contoso.com",
        source=_NDR,
    ),
)

RETURNED = (
    ReplyRow(
        rule="smtp.recipient-server-silent",
        cls=Class.RECIPIENT,
        scope=Scope.RECIPIENT,
        enhanced=("5.4.300", "5.4.4", "5.4.310", "5.4.312", "5.4.316", "4.4.7", "4.4.316"),
        stages=_ONE_RECIPIENT,
        answer="550 5.4.300 Message expired",
        meaning="The recipient's server could not be found or reached, or did not take the message in time.",
        remedy="Check the domain of {recipient} in the device's address book; if it is right, its administrator has to "
        "look (Exchange admin center → Mail flow → Message trace shows what its server said)",
        source=_NDR,
    ),
    ReplyRow(
        rule="smtp.recipient-server-refused",
        cls=Class.RECIPIENT,
        scope=Scope.RECIPIENT,
        enhanced=("5.0.350", "5.7.23", "5.7.321-325", "5.7.507", "5.7.513"),
        stages=_ONE_RECIPIENT,
        answer="550 5.0.350 Remote server returned an error",
        meaning="The recipient's own server refused the message: by a policy, by SPF, or because of its TLS.",
        remedy="Show the answer to the administrator of {recipient}; SPF, DKIM and DMARC of the domain of {sender} "
        "must name Exchange Online",
        source=_NDR,
    ),
    ReplyRow(
        rule="smtp.loop",
        cls=Class.RECIPIENT,
        scope=Scope.RECIPIENT,
        says="Routing loop detected|hop count exceeded",
        enhanced=("5.4.6", "5.4.14"),
        stages=_ONE_RECIPIENT,
        answer="550 5.4.14 Hop count exceeded - possible mail loop",
        meaning="The mail goes in circles behind the recipient's address.",
        remedy="Look for forwarding of {recipient} (Get-Mailbox {recipient} | Format-List Forward*) and for connectors "
        "that send mail back to where it came from",
        source=_NDR,
    ),
)
