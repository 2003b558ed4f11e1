"""Who calls Graph, and which mailbox that caller may send from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from relay.sandbox.claims import issuer_of
from relay.sandbox.entra import Entra
from relay.sandbox.exchange import Exchange
from relay.sandbox.graph_errors import GraphError, check_name
from relay.sandbox.people import User
from relay.sandbox.scopes import GRAPH, MAIL_SEND
from relay.sandbox.signing import BadTokenError

SEND_SHARED = "Mail.Send.Shared"
READ_APPLICATIONS = frozenset(
    ("Application.Read.All", "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "Directory.Read.All")
)
_CLAIMS_KEPT = ("aud", "iss", "appid", "tid", "oid", "roles", "scp", "upn", "iat", "exp", "uti")
_WHY: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "graph-token-expired"),
    (jwt.ImmatureSignatureError, "graph-token-early"),
    (jwt.InvalidAudienceError, "graph-token-audience"),
    (jwt.InvalidSignatureError, "graph-token-invalid"),
    (jwt.DecodeError, "graph-token-malformed"),
    (Exception, "graph-token-invalid"),
)


@dataclass(frozen=True, slots=True)
class Caller:
    """What a believed token says."""

    claims: Mapping[str, Any]

    @property
    def permissions(self) -> frozenset[str]:
        """Roles of an application, or what a person has allowed it."""
        return frozenset((*self.claims.get("roles", ()), *str(self.claims.get("scp", "")).split()))

    @property
    def is_person(self) -> bool:
        """Whether the token is in a person's name."""
        return "scp" in self.claims

    def kept(self) -> dict[str, Any]:
        """What is recorded of the token beside a message."""
        return {name: self.claims[name] for name in _CLAIMS_KEPT if name in self.claims}


class Access:
    """Checks tokens and mailboxes."""

    def __init__(self, entra: Entra, exchange: Exchange) -> None:
        self._entra = entra
        self._exchange = exchange

    def caller(self, authorization: str) -> Caller:
        """Who calls, by the header Authorization; raise GraphError (401)."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise GraphError.named("graph-token-empty")
        app = self._entra.registration
        try:
            claims = self._entra.key.verify(token.strip(), audience=GRAPH, issuer=issuer_of(app.tenant_id))
        except BadTokenError as error:
            raise GraphError.named(_reason(error)) from error
        return Caller(claims)

    @staticmethod
    def claimed(authorization: str) -> str:
        """The sign-in name that stands in a token, believed or not; an empty text when there is none."""
        try:
            claims = jwt.decode(authorization.partition(" ")[2].strip(), options={"verify_signature": False})
        except jwt.PyJWTError:
            return ""
        return str(claims.get("upn", ""))

    def mailbox(self, caller: Caller, name: str) -> str:
        """The mailbox the caller means (an empty name: their own) and may send from; raise GraphError."""
        mailbox = self._of_person(caller, name) if caller.is_person else self._of_app(caller, name)
        if mailbox in self._exchange.revoked:
            raise GraphError("ErrorAccessDenied")
        return mailbox

    def check_authors(self, caller: Caller, mailbox: str, authors: Iterable[str]) -> None:
        """Refuse an author the mailbox may not send as; another than its own needs Mail.Send.Shared of a person."""
        claimed = {address.lower() for address in authors}
        if not claimed <= self._exchange.may_send_as(mailbox):
            raise GraphError("ErrorSendAsDenied")
        if caller.is_person and not claimed <= self._person(caller).addresses:
            self._need(caller, SEND_SHARED)

    def _of_app(self, caller: Caller, name: str) -> str:
        """A mailbox the application has permission for, with the role Mail.Send or a scope of RBAC."""
        if not name:
            raise GraphError.named("graph-me")
        if not self._exchange.policy.rbac:
            self._need(caller, MAIL_SEND)
        mailbox = self._known(name)
        if not self._exchange.is_granted(mailbox):
            raise GraphError("ErrorAccessDenied")
        return mailbox

    def _of_person(self, caller: Caller, name: str) -> str:
        """Their own mailbox, or a shared one they may send as."""
        person = self._person(caller)
        mailbox = self._known(name or person.upn)
        if mailbox == person.mailbox.lower():
            self._need(caller, MAIL_SEND)
            return mailbox
        self._need(caller, SEND_SHARED)
        if mailbox not in self._exchange.may_send_as(person.mailbox.lower()):
            raise GraphError("ErrorAccessDenied")
        return mailbox

    def _person(self, caller: Caller) -> User:
        if (person := self._entra.people.find(str(caller.claims.get("oid", "")))) is None:
            raise GraphError.named("graph-token-invalid")
        return person

    def _known(self, name: str) -> str:
        """The mailbox of a user principal name or object id (an alias is none), or a shared one."""
        check_name(name)
        exchange, wanted = self._exchange, name.lower()
        if wanted in exchange.without_mailbox:
            raise GraphError("MailboxNotEnabledForRESTAPI")
        if person := self._entra.people.find(name):
            return person.mailbox.lower()
        if wanted in exchange.revoked or exchange.is_granted(wanted) or self._is_shared(wanted):
            return wanted
        raise GraphError("ErrorInvalidUser", f"The requested user '{name}' is invalid.")

    def _is_shared(self, address: str) -> bool:
        """Whether somebody may send as it, and it is no further address of a person's mailbox."""
        return self._exchange.is_shared(address) and not any(address in one.addresses for one in self._entra.people)

    @staticmethod
    def _need(caller: Caller, permission: str) -> None:
        if permission not in caller.permissions:
            raise GraphError("ErrorAccessDenied")


def _reason(error: BadTokenError) -> str:
    return next(name for kind, name in _WHY if isinstance(error.__cause__, kind))
