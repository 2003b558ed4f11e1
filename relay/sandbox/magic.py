"""Recipients that make something happen, whatever their domain: the fault travels with the message.

| local part | what happens |
|---|---|
| `rcptto-NNN` | RCPT is answered with NNN |
| `data-NNN` | DATA is answered with NNN (a BDAT chunk likewise) |
| `final-NNN` | the complete message is answered with NNN |
| `throttle` | 432, as when a mailbox has too many sessions |
| `sendasdenied` | 554 SendAsDenied |
| `timeout` | the complete message is never answered, and not kept |
| `reset` | the connection is reset instead of the answer; the message is not kept |
| `lost` | the same, but the message is kept: its sender cannot know |
| a name of the catalogue | its answer, at its stage |

A mailbox of such a name can sign in, and gets the answer at its stage.
"""

import re

from relay.sandbox import catalogue
from relay.sandbox.faults import Fault
from relay.sandbox.replies import House

_CODED = re.compile(r"(rcptto|data|final)-([45]\d\d)", re.IGNORECASE)
_STAGES = {"rcptto": "rcpt", "data": "data", "final": "final"}
_OF_RECIPIENTS = ("rcpt", "data", "final")
_OF_MAILBOXES = ("auth", "mail", *_OF_RECIPIENTS, "graph")
_KNOWN = {
    421: "421 4.3.2 Service not active",
    430: "430 4.2.0 STOREDRV; mailbox logon failure; STOREDRV.Submission.Exception:"
    "ConnectionFailedTransientException.MapiExceptionLogonFailed;",
    451: "451 4.7.0 Temporary server error. Please try again later. PRX4",
    452: "452 4.5.3 Too many recipients",
    501: "501 5.1.3 Invalid address",
    550: "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
    552: "552 5.3.4 Message size exceeds fixed maximum message size",
    554: "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException."
    "MapiExceptionShutoffQuotaExceeded",
}


def fault_of(recipient: str, house: House, mailbox: str) -> Fault | None:
    """The fault a recipient asks for by its name, or None."""
    local = recipient.rpartition("@")[0].lower()
    if coded := _CODED.fullmatch(local):
        code = int(coded[2])
        reply = _KNOWN.get(code, f"{code} {code // 100}.0.0 The sandbox was asked for {code}")
        return Fault(stage=_STAGES[coded[1]], action="reply", reply=reply, close=code == 421)
    match local:
        case "throttle":
            return Fault(stage="final", action="reply", reply=house.too_many_connections())
        case "sendasdenied":
            return Fault(stage="final", action="reply", reply=house.send_as_denied(mailbox, recipient))
        case "timeout":
            return Fault(stage="final", action="hang")
        case "reset":
            return Fault(stage="final", action="drop")
        case "lost":
            return Fault(stage="final", action="drop", keep=True)
    return _named(recipient, *_OF_RECIPIENTS)


def fault_of_mailbox(mailbox: str, stage: str) -> Fault | None:
    """The fault that a mailbox brings along for a stage, or None."""
    return _named(mailbox, stage)


def is_magic(mailbox: str) -> bool:
    """Whether a mailbox is there because the catalogue has its name."""
    return _named(mailbox, *_OF_MAILBOXES) is not None


def _named(address: str, *stages: str) -> Fault | None:
    spot = catalogue.spot(address, *stages)
    return catalogue.fault(spot.name) if spot else None
