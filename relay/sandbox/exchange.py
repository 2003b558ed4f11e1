"""The pretend Exchange Online: who may sign in, what a mailbox may send, what becomes of a complete message.

The dialogue itself is `session.py`; this is what all sessions share.
"""

import asyncio
import itertools
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relay.sandbox import replies
from relay.sandbox.body import Body
from relay.sandbox.claims import issuer_of
from relay.sandbox.entra import Entra
from relay.sandbox.faults import Faults
from relay.sandbox.letter import senders
from relay.sandbox.limits import Limits
from relay.sandbox.magic import is_magic
from relay.sandbox.mailbox import Arrivals, Arrived, now
from relay.sandbox.people import User
from relay.sandbox.registration import HVE_ROLE, SMTP_ROLE
from relay.sandbox.replies import House
from relay.sandbox.scopes import OUTLOOK, OUTLOOK_FOR_PEOPLE, SMTP_SEND
from relay.sandbox.signing import BadTokenError

if TYPE_CHECKING:
    import ssl

_CLAIMS_KEPT = ("aud", "iss", "appid", "tid", "oid", "roles", "scp", "upn", "iat", "exp", "uti")


class RefusedError(Exception):
    """A sign-in that is refused; the text is for the sandbox's own record, Exchange never says it."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who signed in: the mailbox, and what the token said."""

    mailbox: str
    claims: Mapping[str, Any]


@dataclass(slots=True)
class Envelope:
    """MAIL and RCPT of one message."""

    mail_from: str
    binary: bool = False
    rcpt_to: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Policy:
    """The sizes and switches of the service."""

    size: int = 157_286_400  # the ceiling EHLO names: 150 MiB
    mailbox_size: int = 36_700_160  # what a mailbox may send by default: 35 MB
    recipients: int = 500
    pipelining: bool = True
    chunking: bool = True
    refuse_bare_lf: bool = True
    over_rate: str = "delay"  # or "refuse"
    sessions_checked_at: str = "final"  # or "auth", "mail"
    rbac: bool = False  # permission by an RBAC scope: the token needs no role
    idle_s: float = 300.0


class Exchange:
    """Shared by all sessions. `refusals` keeps why sign-ins were refused, newest last."""

    def __init__(self, *, entra: Entra, arrivals: Arrivals, faults: Faults, limits: Limits, policy: Policy) -> None:
        self.entra = entra
        self.arrivals = arrivals
        self.faults = faults
        self.limits = limits
        self.policy = policy
        self.tls: ssl.SSLContext
        self.tls_asking: ssl.SSLContext
        self.directory = Path()
        self.mailboxes: set[str] = set()
        self.revoked: set[str] = set()
        self.hve_accounts: set[str] = set()
        self.domains: set[str] = set()
        self.connector_names: set[str] = set()
        self.without_mailbox: set[str] = set()  # users that Graph knows, but who have no mailbox
        self.send_as: dict[str, set[str]] = {}
        self.refusals: list[str] = []
        self.sign_ins = 0
        self.sessions = 0
        self.session_ended = asyncio.Event()  # set at the end of every session; clear it to wait for the next
        self._hosts = f"SBX{random.randrange(1000):03d}"  # noqa: S311 - a name, no secret
        self._files = itertools.count(1)

    def tls_of(self, front: str) -> "ssl.SSLContext":
        """The context of a door; the connector asks for a client certificate."""
        return self.tls_asking if front == "connector" else self.tls

    def house(self) -> House:
        """The server a new session lands on."""
        self.sessions += 1
        return House(f"{self._hosts}CA{self.sessions % 10000:04d}.outlook.sandbox.test")

    def sign_in(self, user: str, token: str) -> Login:
        """Check a token and its mailbox; raise RefusedError."""
        name = user.lower()
        claims = self._believed(name, token)
        mailbox = self._of_person(name, claims) if "scp" in claims else self._of_app(name, claims)
        if mailbox in self.revoked:
            raise self._refused(name, "the permission for this mailbox was taken away")
        return self._signed_in(mailbox, claims)

    def sign_in_hve(self, user: str, token: str) -> Login:
        """Check an application's token for an account of High Volume Email; raise RefusedError."""
        name = user.lower()
        claims = self._believed(name, token)
        if HVE_ROLE not in claims.get("roles", ()):
            raise self._refused(name, f"the token has no role {HVE_ROLE}")
        if name not in self.hve_accounts or name in self.revoked:
            raise self._refused(name, "no such HVE account, or the application was not added to it")
        return self._signed_in(name, claims)

    def _believed(self, name: str, token: str) -> dict[str, Any]:
        tenant = self.entra.registration.tenant_id
        try:
            claims = self.entra.key.verify(token, audience=[OUTLOOK, OUTLOOK_FOR_PEOPLE], issuer=issuer_of(tenant))
        except BadTokenError as error:
            raise self._refused(name, str(error)) from error
        if claims["tid"] != tenant or claims["appid"] != self.entra.registration.client_id:
            raise self._refused(name, "the token is of another tenant or application")
        return claims

    def _signed_in(self, mailbox: str, claims: Mapping[str, Any]) -> Login:
        self.sign_ins += 1
        return Login(mailbox, {name: claims[name] for name in _CLAIMS_KEPT if name in claims})

    def _of_app(self, mailbox: str, claims: Mapping[str, Any]) -> str:
        """The mailbox an application may use: any one it has permission for."""
        if claims["aud"] != OUTLOOK:
            raise self._refused(mailbox, f"an application's token has to be for {OUTLOOK}")
        if not self.policy.rbac and SMTP_ROLE not in claims.get("roles", ()):
            raise self._refused(mailbox, f"the token has no role {SMTP_ROLE}")
        if not self.is_granted(mailbox):
            raise self._refused(mailbox, "no such mailbox, or the application has no permission for it")
        return mailbox

    def is_granted(self, mailbox: str) -> bool:
        """Whether the application has permission for a mailbox."""
        return (mailbox in self.mailboxes or is_magic(mailbox)) and mailbox not in self.revoked

    def is_ours(self, address: str) -> bool:
        """Whether an address is in one of the tenant's domains."""
        return address.rpartition("@")[2].lower() in self.domains

    def _of_person(self, name: str, claims: Mapping[str, Any]) -> str:
        """The mailbox a person may use: their own, by any of its names; a shared one only by From (SendAs)."""
        if SMTP_SEND not in str(claims["scp"]).split():
            raise self._refused(name, f"the token allows {claims['scp']}, not {SMTP_SEND}")
        person = self.entra.people.find(str(claims.get("oid", "")))
        if person is None or name not in person.addresses:
            raise self._refused(name, f"the token belongs to {claims.get('upn')}")
        return person.mailbox.lower()

    def let_send_as(self, mailbox: str, addresses: Iterable[str]) -> None:
        """A mailbox may send as these addresses too."""
        self.send_as.setdefault(mailbox.lower(), set()).update(address.lower() for address in addresses)

    def may_send_as(self, mailbox: str) -> set[str]:
        """The addresses a mailbox sends as: its own, and those granted."""
        return {mailbox, *self.send_as.get(mailbox, ())}

    def is_shared(self, address: str) -> bool:
        """Whether somebody may send as this address: then it is there."""
        return any(address in addresses for addresses in self.send_as.values())

    @staticmethod
    def clock() -> float:
        """The loop's time, in which limits count."""
        return asyncio.get_running_loop().time()

    def welcome(self, person: User) -> None:
        """A person's mailbox sends as each of its addresses, and as whom the person may send as."""
        self.let_send_as(person.mailbox, {*person.addresses, *person.send_as})

    def new_body(self) -> Body:
        """A place for the next message's content."""
        return Body(self.directory / f"content-{next(self._files):06d}.eml", limit=self.policy.size)

    def objection(self, login: Login, envelope: Envelope, body: Body, house: House) -> str | None:
        """What Exchange has against a complete message, as its reply; None when it takes it."""
        if body.too_large:
            return replies.TOO_LARGE
        if self.policy.mailbox_size and body.size > self.policy.mailbox_size:
            return replies.TOO_LARGE_FOR_MAILBOX
        if body.bare_line_feeds and self.policy.refuse_bare_lf and not envelope.binary:
            return replies.BARE_LINE_FEED
        return self._sender_objection(login, envelope, body, house)

    async def await_turn(self, login: Login) -> float | None:
        """Keep to the messages per minute: wait for a turn and return the seconds, or None when refused."""
        clock = self.clock()
        if self.policy.over_rate == "refuse":
            return None if self.limits.is_rate_exceeded(login.mailbox, clock) else 0.0
        seconds = self.limits.wait_for_turn(login.mailbox, clock)
        if seconds:
            await asyncio.sleep(seconds)
        return seconds

    def keep(self, login: Login, envelope: Envelope, body: Body, **facts: Any) -> Arrived:
        """Take a message in."""
        message = Arrived(
            id=self.arrivals.next_id(),
            time=now(),
            mailbox=login.mailbox,
            mail_from=envelope.mail_from,
            rcpt_to=tuple(envelope.rcpt_to),
            size=body.size,
            sha256=body.sha256,
            content=body.finish(),
            claims=login.claims,
            **facts,
        )
        self.arrivals.add(message)
        return message

    def _sender_objection(self, login: Login, envelope: Envelope, body: Body, house: House) -> str | None:
        authors, sender = senders(body.head)
        if not authors:
            return replies.NO_FROM
        if len(authors) > 1 and not sender:
            return replies.MANY_FROM
        if not login.mailbox:
            return None  # a connector's client sends as whom it likes
        allowed = self.may_send_as(login.mailbox)
        claimed = [*authors, *([sender] if sender else []), *([envelope.mail_from] if envelope.mail_from else [])]
        strangers = [address for address in claimed if address.lower() not in allowed]
        if strangers:
            return house.send_as_denied(login.mailbox, strangers[0])
        clock = self.clock()
        is_limited = login.mailbox not in self.hve_accounts
        if is_limited and self.limits.is_day_quota_exceeded(login.mailbox, len(envelope.rcpt_to), clock):
            return replies.DAY_QUOTA
        return None

    def _refused(self, mailbox: str, reason: str) -> RefusedError:
        self.refusals.append(f"{mailbox}: {reason}")
        return RefusedError(reason)
