"""Whom the doctor examines, the contract of what examines it by transport, and Granted and Denied for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from relay.config.settings import SignIn
from relay.control.doctor_step import Failed, Skipped

if TYPE_CHECKING:
    from relay.config.settings import App, Profile, Settings, TransportKind
    from relay.control.doctor_step import Chart
    from relay.tokens.source import TokenSource
    from relay.transport.transport import Transport
    from relay.upstream.sources import Sources
    from relay.upstream.transports import Transports

_WIDER = "Whoever holds the credential of this app can send as that mailbox too: its permission reaches too far."
_NARROW = (
    "Scope the permission: `relay setup m365 {profile}` prints how. RBAC for Applications: is there a role assignment "
    "without scope, or is the canary in the group? FullAccess: Get-MailboxPermission {canary}. Where the app has both: "
    "take SMTP.SendAsApp (for Graph: Mail.Send) from its API permissions in Entra"
)


@dataclass(frozen=True, slots=True)
class Patient:
    """One profile on one way upstream."""

    settings: Settings
    name: str
    kind: TransportKind
    sources: Sources
    transports: Transports

    @property
    def profile(self) -> Profile:
        return self.settings.profiles[self.name]

    @property
    def app(self) -> App:
        return self.settings.apps[self.profile.app]

    @property
    def account(self) -> str:
        """As whom it is sent: XOAUTH2 user=."""
        return self.profile.mailbox

    @property
    def delegated(self) -> bool:
        return self.profile.sign_in is SignIn.DELEGATED

    def transport(self) -> Transport:
        return self.transports.of(self.settings, self.name, self.kind)

    def source(self) -> TokenSource:
        return self.sources.of(self.settings, self.name, self.kind)


class Exam(Protocol):
    """The part of an examination that a transport brings. Steps return words or raise, as `Chart.take` expects."""

    needs_token: bool

    async def reach(self, chart: Chart) -> bool:
        """From the name to the encrypted connection, step by step; whether that was reached."""
        ...

    async def grant(self, token: str) -> str:
        """The profile's mailbox with this token: the words that prove it works."""
        ...

    async def deny(self, canary: str, token: str) -> str:
        """The refusal of a mailbox that must be refused. Raises `Accepted` when it is not, `Skipped` in doubt."""
        ...

    async def limits(self) -> str:
        """What can be known of switches and limits, and what cannot."""
        ...

    def close(self) -> None:
        """Ends what is open."""
        ...


class Accepted(Exception):  # noqa: N818  (a finding, not a mistake)
    """The canary was taken; the text is the answer."""


async def scope(patient: Patient, exam: Exam, token: str, *, granted: bool) -> str:
    """Granted and Denied: the mailbox works, and one that must not does not."""
    mailbox, canary = patient.account, patient.profile.canary
    mine = f"Granted: {mailbox}." if granted else f"Not granted: {mailbox} (see auth)."
    if not canary:
        raise Skipped(
            f"{mine} Denied: not tried",
            remedy=f"set profiles.{patient.name}.canary to a mailbox of the tenant that this app must not use",
        )
    try:
        theirs = await exam.deny(canary, token)
    except Accepted as answer:
        remedy = _NARROW.format(profile=patient.name, canary=canary)
        raise Failed(
            f"{mine} NOT denied: {canary} is taken too", answer=str(answer), meaning=_WIDER, remedy=remedy
        ) from None
    if not granted:
        raise Skipped(f"{mine} Denied: {theirs}. As long as nobody is granted, that proves no scope")
    return f"{mine} Denied: {theirs}"
