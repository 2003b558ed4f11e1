"""Who calls Graph, and which mailbox that caller may send from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from relay.sandbox.claims import issuer_of
from relay.sandbox.entra import Entra
from relay.sandbox.exchange import Exchange
from relay.sandbox.graph_errors import GraphError
from relay.sandbox.scopes import GRAPH
from relay.sandbox.signing import BadTokenError

MAIL_SEND = "Mail.Send"
READ_APPLICATIONS = frozenset(
    ("Application.Read.All", "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "Directory.Read.All")
)
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
        """Roles of an application."""
        return frozenset(self.claims.get("roles", ()))


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

    def mailbox(self, caller: Caller, name: str) -> str:
        """The mailbox the caller means and may send from; raise GraphError."""
        if not name:
            raise GraphError("BadRequest", "/me request is only valid with delegated authentication flow.")
        if MAIL_SEND not in caller.permissions and not self._exchange.policy.rbac:
            raise GraphError("ErrorAccessDenied")
        mailbox = self._existing(name)
        if mailbox in self._exchange.revoked:
            raise GraphError("ErrorAccessDenied")
        return mailbox

    def senders(self, mailbox: str) -> set[str]:
        """Whom a mailbox may send as."""
        return {mailbox, *self._exchange.send_as.get(mailbox, ())}

    def _existing(self, name: str) -> str:
        mailbox = name.lower()
        if mailbox in self.without_rest:
            raise GraphError("MailboxNotEnabledForRESTAPI")
        if mailbox not in self._exchange.mailboxes:
            raise GraphError("ErrorInvalidUser", f"The requested user '{name}' is invalid.")
        return mailbox


def _reason(error: BadTokenError) -> str:
    return next((text for kind, text in _WHY if isinstance(error.__cause__, kind)), "")
