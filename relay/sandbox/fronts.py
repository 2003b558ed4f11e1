"""The three doors mail goes in by: client submission, High Volume Email, and the connector of the tenant's MX.

All speak the same SMTP (`session.py`); they differ in who may send, and to whom.
"""

import time
from dataclasses import dataclass

from relay.sandbox import replies
from relay.sandbox.exchange import Exchange, Login, RefusedError


class SaidError(Exception):
    """A sign-in that is refused with a text of its own."""


@dataclass(frozen=True, slots=True)
class Front:
    """Client submission: XOAUTH2 behind TLS, and the limits of a mailbox."""

    name: str = "submission"
    offers_auth: bool = True
    is_limited: bool = True

    def sign_in(self, exchange: Exchange, user: str, token: str) -> Login:
        """Who signs in; raise RefusedError, or SaidError with what is said instead of the usual refusal."""
        return exchange.sign_in(user, token)

    def attribute(self, exchange: Exchange, names: tuple[str, ...]) -> Login | None:  # noqa: ARG002
        """Who is there without signing in, by the names in the client's certificate."""
        return None

    def recipient_objection(self, exchange: Exchange, login: Login, address: str) -> str | None:  # noqa: ARG002
        """What stands against a recipient."""
        return None


@dataclass(frozen=True, slots=True)
class HighVolume(Front):
    """HVE: accounts of its own, tokens that live ten minutes more, recipients of the tenant only, no limits."""

    name: str = "hve"
    is_limited: bool = False
    least_life_s: int = 600

    def sign_in(self, exchange: Exchange, user: str, token: str) -> Login:
        """Only applications sign in, with the role Mail.Send for Exchange."""
        login = exchange.sign_in_hve(user, token)
        if login.claims["exp"] - time.time() < self.least_life_s:
            raise SaidError(replies.TOKEN_EXPIRES_SOON)
        return login

    def recipient_objection(self, exchange: Exchange, login: Login, address: str) -> str | None:  # noqa: ARG002
        """External recipients are refused."""
        return None if exchange.is_ours(address) else replies.INTERNAL_ONLY


@dataclass(frozen=True, slots=True)
class Connector(Front):
    """The tenant's MX: nobody signs in; a registered client certificate makes a client one of the tenant's."""

    name: str = "connector"
    offers_auth: bool = False
    is_limited: bool = False

    def sign_in(self, exchange: Exchange, user: str, token: str) -> Login:  # noqa: ARG002
        """There is no AUTH here."""
        raise RefusedError("a connector signs nobody in")

    def attribute(self, exchange: Exchange, names: tuple[str, ...]) -> Login | None:
        """Everybody may begin; the certificate's registered name, if there is one, is kept with the message."""
        known = [name for name in names if name.lower() in exchange.connector_names]
        return Login("", {"certificate": known[0]} if known else {})

    def recipient_objection(self, exchange: Exchange, login: Login, address: str) -> str | None:  # noqa: ARG002
        """A client that belongs to no tenant may not relay."""
        return None if login.claims else replies.NOT_ATTRIBUTED


SUBMISSION = Front()
HVE = HighVolume()
CONNECTOR = Connector()
