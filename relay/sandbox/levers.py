"""What may be changed about a running cloud: credentials, people, permissions, the passing of time."""

from typing import Any

from relay.sandbox.certificates import Authority, Issued
from relay.sandbox.entra import Entra
from relay.sandbox.exchange import Exchange
from relay.sandbox.people import User
from relay.sandbox.registration import EXCHANGE_TOKENS, SECRET_STATES, Certificate, Federated, Secret


class Levers:
    """Mixed into `Cloud`."""

    authority: Authority
    entra: Entra
    exchange: Exchange

    def set_secret(self, state: str, name: str = "") -> None:
        """Make a client secret (the first, or the one of that id) `valid`, `refused` or `expired`."""
        if state not in SECRET_STATES:
            raise ValueError(f"secret is one of {', '.join(SECRET_STATES)}, not {state!r}")
        self.entra.registration.secret(name).state = state

    def add_secret(self, value: str = "", *, state: str = "valid", days: float = 180) -> Secret:
        """Add a client secret beside those there are; it ends in so many days."""
        secret = Secret.fresh(value, state=state, days=days)
        self.entra.registration.secrets.append(secret)
        return secret

    def add_certificate(self, pem: str | bytes) -> Certificate:
        """Register a certificate (PEM) for client assertions; raise ValueError when it is none with an RSA key."""
        certificate = Certificate.from_pem(pem)
        self.entra.registration.certificates.append(certificate)
        return certificate

    def add_federated(self, issuer: str, subject: str, key: Any, *, audience: str = EXCHANGE_TOKENS) -> Federated:
        """Believe tokens of an issuer for a subject; `key` is its public RSA key as PEM, JWK or object."""
        credential = Federated.of(issuer, subject, key, audience=audience)
        self.entra.registration.federated.append(credential)
        return credential

    def remove_credential(self, name: str) -> bool:
        """Take a secret or certificate away by its id; False when there is none."""
        app = self.entra.registration
        before = len(app.secrets) + len(app.certificates)
        app.secrets = [one for one in app.secrets if one.id != name]
        app.certificates = [one for one in app.certificates if one.id != name]
        return len(app.secrets) + len(app.certificates) < before

    def revoke_mailbox(self, mailbox: str) -> None:
        """Take away the application's permission for a mailbox: 535 5.7.3 from now on."""
        self.exchange.revoked.add(mailbox.lower())

    def grant_mailbox(self, mailbox: str) -> None:
        """Give the permission (back); a mailbox that did not exist does now."""
        self.exchange.revoked.discard(mailbox.lower())
        self.exchange.mailboxes.add(mailbox.lower())

    def grant_send_as(self, mailbox: str, address: str) -> None:
        """Let a mailbox send as another address."""
        self.exchange.let_send_as(mailbox, [address])

    def add_user(self, upn: str, **given: Any) -> User:
        """A person who may sign in (see `people.User`); raise ValueError for a member that has no meaning."""
        user = User.of(upn, given)
        self.entra.people.add(user)
        self.exchange.welcome(user)
        return user

    def auto_sign_in(self, name: str) -> None:
        """Answer browsers at once: as this user, as whom `login_hint` names ("hint"), or not at all ("")."""
        self.entra.authorize.auto_sign_in = name

    def enter_device_code(self, user_code: str, upn: str, *, decline: bool = False) -> None:
        """Type a device's user code and sign in, or decline; raise RefusalError as the page would show it."""
        user = None if decline else self.entra.people.get(upn)
        self.entra.delegated.decide(user_code, user, {"tenant": self.entra.registration.tenant})

    def revoke_sessions(self, upn: str) -> None:
        """Refresh tokens of a user issued so far are refused from now on: AADSTS50173."""
        self.entra.people.get(upn).valid_from = self.entra.grants.now()

    def withdraw_consent(self, upn: str) -> None:
        """The user has not consented any more: AADSTS65001 until the next sign-in."""
        self.entra.people.get(upn).consented = False

    def let_time_pass(self, seconds: float) -> None:
        """Authorization codes, device codes and refresh tokens grow older by so much."""
        self.entra.grants.later(seconds)

    def client_certificate(self, name: str = "relay.contoso.test") -> Issued:
        """A certificate for the connector, as files; registered only if `connector_names` has its name."""
        return self.authority.client(name)

    def register_connector(self, name: str) -> None:
        """Clients with a certificate of this name may relay through the connector."""
        self.exchange.connector_names.add(name.lower())

    def trust_client_ca(self, pem: str) -> None:
        """The connector trusts client certificates of another CA too."""
        self.exchange.tls_asking.load_verify_locations(cadata=pem)
