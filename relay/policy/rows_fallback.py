"""Verdict rows for SMTP answers that no other row knows: by code class and step. Rule ids with "other" are worth a
report, because the table should learn them.
"""

from __future__ import annotations

from relay.message.outcome import Scope
from relay.policy.verdict import Class, ReplyRow

_RFC = "RFC 5321 §4.2.1"
_AGAIN = "Nothing to do: the relay tries again. If it lasts: Microsoft 365 admin center → Health → Service health"
_DOCTOR = (
    "Check endpoint.host and endpoint.port of profile {profile}, then look the answer up at https://aka.ms/EXONDRs"
)


def _later(name: str, scope: Scope, stages: tuple[str, ...], meaning: str) -> ReplyRow:
    return ReplyRow(
        rule=f"smtp.other-4xx-{name}",
        cls=Class.TRANSIENT,
        scope=scope,
        stages=stages,
        answer=f"any other 4xx to {', '.join(stages) or 'another step'}",
        meaning=meaning,
        remedy=_AGAIN,
        source=_RFC,
    )


TEMPORARY = (
    _later("recipient", Scope.RECIPIENT, ("rcpt",), "The server does not take this recipient for now."),
    _later("message", Scope.MESSAGE, ("mail", "data", "final"), "The server does not take this message for now."),
    _later("sign-in", Scope.MAILBOX, ("auth",), "The server cannot sign this mailbox in for now."),
    _later("session", Scope.SITE, (), "The server takes no session for now."),
)

PERMANENT = (
    ReplyRow(
        rule="smtp.other-5xx-recipient",
        cls=Class.RECIPIENT,
        scope=Scope.RECIPIENT,
        stages=("rcpt",),
        answer="any other 5xx to rcpt",
        meaning="The server refuses this recipient for good.",
        remedy="Look the answer up at https://aka.ms/EXONDRs and correct the address in the device's address book",
        source=_RFC,
    ),
    ReplyRow(
        rule="smtp.other-5xx-message",
        cls=Class.MESSAGE,
        scope=Scope.MESSAGE,
        stages=("mail", "data", "final"),
        answer="any other 5xx to mail, data, final",
        meaning="The server refuses this message for good.",
        remedy="Look the answer up at https://aka.ms/EXONDRs; the message stays in the spool for a while and can be "
        "sent again",
        source=_RFC,
    ),
    ReplyRow(
        rule="smtp.other-5xx-ehlo",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        stages=("ehlo",),
        answer="any other 5xx to ehlo",
        meaning="The server does not take the relay's greeting.",
        remedy="Set hostname to a full domain name, such as relay.contoso.com",
        source="RFC 5321 §4.1.1.1",
    ),
    ReplyRow(
        rule="smtp.other-5xx-session",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        stages=("starttls", "token", "auth"),
        answer="any other 5xx to starttls, token, auth",
        meaning="The server refuses to secure or sign in the session.",
        remedy=_DOCTOR,
        source=_RFC,
    ),
    ReplyRow(
        rule="smtp.other-5xx-greeting",
        cls=Class.TRANSIENT,
        scope=Scope.SITE,
        answer="any other 5xx to greeting, another step",
        meaning="The server takes no mail from here at the moment (RFC 5321 §3.1 allows a 554 as greeting).",
        remedy=_DOCTOR,
        source="RFC 5321 §3.1",
    ),
)

UNEXPECTED = ReplyRow(
    rule="smtp.other-code",
    cls=Class.TRANSIENT,
    scope=Scope.MESSAGE,
    answer="a code outside 400–599",
    meaning="The server gave an answer that does not fit the step.",
    remedy="Try profiles.{profile}.pipelining: false and chunking: false, and report the answer",
    source="RFC 5321 §4.3.2",
)
