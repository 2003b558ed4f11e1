"""What a verdict means for the mail, in words: what `relay.delivery.decision` does about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.message.outcome import Scope
from relay.policy.verdict import Class

if TYPE_CHECKING:
    from relay.policy.verdict import Verdict

CLASSES = {
    Class.TRANSIENT: "transient: it passes by itself",
    Class.THROTTLE: "throttle: too much at once",
    Class.CONFIGURATION: "configuration: somebody has to mend something",
    Class.MESSAGE: "message: this message is refused for good",
    Class.RECIPIENT: "recipient: this recipient is refused for good",
    Class.HOLD: "hold: a person has to do something first",
    Class.CORRUPT: "corrupt: what is stored of it is damaged",
}

SCOPES = {
    Scope.RECIPIENT: "this recipient only",
    Scope.MESSAGE: "this message only",
    Scope.MAILBOX: "all mail of this mailbox",
    Scope.PROFILE: "all mail of this profile",
    Scope.TENANT: "all mail of this organization",
    Scope.SITE: "all mail to this server",
}

_ALONE = (Scope.RECIPIENT, Scope.MESSAGE)


def effect(verdict: Verdict) -> str:
    """What the relay does."""
    if verdict.cls is Class.MESSAGE:
        return "The message has failed; it stays in the spool for a while and can be sent again."
    if verdict.cls is Class.RECIPIENT:
        whom = "The recipient has" if verdict.scope is Scope.RECIPIENT else "The message has"
        return f"{whom} failed; recipients that were accepted have the mail."
    if verdict.cls in (Class.HOLD, Class.CORRUPT):
        return "The message is kept and shown, and not tried again by itself; others go on."
    if verdict.cls is Class.CONFIGURATION:
        return _kept(verdict)
    return _again(verdict)


def _kept(verdict: Verdict) -> str:
    if verdict.scope in _ALONE:
        return "The message is kept, never given up, and tried again every recheck (delivery.recheck_s); others go on."
    return (
        "The profile pauses: its mail is kept, never given up, and one message at every recheck (delivery.recheck_s, "
        "longer apart with each one in vain) finds out whether it is mended."
    )


def _again(verdict: Verdict) -> str:
    when = f"after {verdict.wait_s:g} s" if verdict.wait_s is not None else "by the schedule (delivery.retry_s)"
    if verdict.scope in _ALONE:
        what = "recipient" if verdict.scope is Scope.RECIPIENT else "message"
        text = f"The {what} is tried again {when}; others go on."
    else:
        text = f"The mailbox rests, and all its mail is tried again {when}."
    if verdict.patience_s is not None:
        text += f" From a message's age of {verdict.patience_s / 3600:g} h on the profile pauses instead."
    return text
