"""Who calls Graph, and which mailbox that caller may send from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from relay.sandbox.claims import issuer_of
from relay.sandbox.entra import Entra
from relay.sandbox.exchange import Exchange
from relay.sandbox.graph_errors import GraphError
from relay.sandbox.people import User
from relay.sandbox.scopes import GRAPH, MAIL_SEND
from relay.sandbox.signing import BadTokenError

SEND_SHARED = "Mail.Send.Shared"
READ_APPLICATIONS = frozenset(
    ("Application.Read.All", "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "Directory.Read.All")
)
_CLAIMS_KEPT = ("aud", "iss", "appid", "tid", "oid", "roles", "scp", "upn", "iat", "exp", "uti")
_INVALID = "InvalidAuthenticationToken"
_MALFORMED = (
    "IDX14100: JWT is not well formed, there are no dots (.).\nThe token needs to be in JWS or JWE Compact "
    "Serialization Format."
)
_WHY: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "Lifetime validation failed, the token is expired."),
    (jwt.ImmatureSignatureError, "Access token has expired or is not yet valid."),
    (jwt.InvalidAudienceError, "Access token validation failure. Invalid audience."),
    (jwt.InvalidIssuerError, "Access token validation failure. Invalid issuer."),
    (jwt.InvalidSignatureError, "Access token validation failure. Invalid signature."),
    (jwt.DecodeError, _MALFORMED),
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
    """Checks tokens and mailboxes. `without_rest` are mailboxes that Graph does not serve, as those on premises."""

    def __init__(self, entra: Entra, exchange: Exchange) -> None:
        self._entra = entra
        self._exchange = exchange
        self.without_rest: set[str] = set()

    def caller(self, authorization: str) -> Caller:
        """Who calls, by the header Authorization; raise GraphError (401)."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise GraphError(_INVALID, "Access token is empty.")
        app = self._entra.registration
        try:
            claims = self._entra.key.verify(token.strip(), audience=GRAPH, issuer=issuer_of(app.tenant_id))
        except BadTokenError as error:
            raise GraphError(_INVALID, _reason(error)) from error
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
        if mailbox in self.without_rest:
            raise GraphError("MailboxNotEnabledForRESTAPI")
        if mailbox in self._exchange.revoked:
            raise GraphError("ErrorAccessDenied")
        return mailbox

    def check_authors(self, caller: Caller, mailbox: str, authors: Iterable[str]) -> None:
        """Refuse an author the mailbox may not send as; another than its own needs Mail.Send.Shared of a person."""
        claimed = {address.lower() for address in authors}
        if not claimed <= {mailbox, *self._exchange.send_as.get(mailbox, ())}:
            raise GraphError("ErrorSendAsDenied")
        if caller.is_person and not claimed <= self._person(caller).addresses:
            self._need(caller, SEND_SHARED)

    def _of_app(self, caller: Caller, name: str) -> str:
        """Every mailbox with the role Mail.Send; with RBAC those the application has permission for."""
        if not name:
            raise GraphError("BadRequest", "/me request is only valid with delegated authentication flow.")
        if not self._exchange.policy.rbac:
            self._need(caller, MAIL_SEND)
        mailbox = self._known(name)
        if mailbox not in self._exchange.mailboxes:
            self._need(caller, MAIL_SEND)
        return mailbox

    def _of_person(self, caller: Caller, name: str) -> str:
        """Their own mailbox, or a shared one they may send as."""
        person = self._person(caller)
        if not name or name.lower() in (person.upn.lower(), person.oid):
            self._need(caller, MAIL_SEND)
            return person.mailbox.lower()
        shared = name.lower() in (address.lower() for address in person.send_as)
        mailbox = name.lower() if shared else self._known(name)
        self._need(caller, SEND_SHARED)
        if not shared:
            raise GraphError("ErrorAccessDenied")
        return mailbox

    def _person(self, caller: Caller) -> User:
        if (person := self._entra.people.find(str(caller.claims.get("oid", "")))) is None:
            raise GraphError(_INVALID)
        return person

    def _known(self, name: str) -> str:
        """The mailbox of a user principal name or object id; an alias is none."""
        if person := self._entra.people.find(name):
            return person.mailbox.lower()
        if name.lower() in self._exchange.mailboxes:
            return name.lower()
        raise GraphError("ErrorInvalidUser", f"The requested user '{name}' is invalid.")

    @staticmethod
    def _need(caller: Caller, permission: str) -> None:
        if permission not in caller.permissions:
            raise GraphError("ErrorAccessDenied")


def _reason(error: BadTokenError) -> str:
    return next((text for kind, text in _WHY if isinstance(error.__cause__, kind)), "")
