"""The one application registered in the tenant: its secrets, certificates and federated credentials, what it may do.

All of them may be several at once, as in Entra, so that a rotation without a gap can be tried out.
"""

import datetime as dt
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

SMTP_ROLE = "SMTP.SendAsApp"
HVE_ROLE = "Mail.Send"  # Exchange's, not Graph's of the same name
SECRET_STATES = ("valid", "refused", "expired")
EXCHANGE_TOKENS = "api://AzureADTokenExchange"
_LIFE = dt.timedelta(days=180)


@dataclass(slots=True)
class Secret:
    """One client secret; `state` is valid, refused (AADSTS7000215) or expired (AADSTS7000222)."""

    value: str = field(repr=False)
    end: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC) + _LIFE)
    state: str = "valid"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def __post_init__(self) -> None:
        """Refuse a state that does not exist."""
        if self.state not in SECRET_STATES:
            raise ValueError(f"secret is one of {', '.join(SECRET_STATES)}, not {self.state!r}")

    @classmethod
    def fresh(cls, value: str = "", *, state: str = "valid", days: float = _LIFE.days) -> Self:
        """A secret made up (or of this value) that ends in so many days."""
        end = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
        return cls(value or secrets.token_urlsafe(30), end=end, state=state)

    @property
    def is_expired(self) -> bool:
        """Whether its end has come, by its date or by its state."""
        return self.state == "expired" or self.end <= dt.datetime.now(dt.UTC)

    def to_json(self) -> dict[str, Any]:
        """The secret without its value, as Entra shows it: a hint of three characters."""
        return {"id": self.id, "end": self.end.isoformat(), "state": self.state, "hint": self.value[:3]}


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate uploaded to the application; client assertions name it by its thumbprint."""

    x509: x509.Certificate
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @classmethod
    def from_pem(cls, pem: str | bytes) -> Self:
        """The first certificate of a PEM text; raise ValueError when there is none, or its key is not RSA."""
        certificate = x509.load_pem_x509_certificate(pem.encode() if isinstance(pem, str) else pem)
        if not isinstance(certificate.public_key(), rsa.RSAPublicKey):
            raise ValueError("Entra takes certificates with RSA keys for client assertions")  # noqa: TRY004
        return cls(certificate)

    @property
    def sha1(self) -> bytes:
        """What `x5t` names."""
        return self.x509.fingerprint(hashes.SHA1())  # noqa: S303 - RFC 7515 §4.1.7 names it so

    @property
    def sha256(self) -> bytes:
        """What `x5t#S256` names."""
        return self.x509.fingerprint(hashes.SHA256())

    def to_json(self) -> dict[str, Any]:
        """What Entra shows of it."""
        end = self.x509.not_valid_after_utc.isoformat()
        return {"id": self.id, "end": end, "thumbprint": self.sha1.hex().upper()}


@dataclass(frozen=True, slots=True)
class Federated:
    """A federated identity credential: whose tokens are believed in place of a secret."""

    issuer: str
    subject: str
    key: rsa.RSAPublicKey = field(repr=False)
    audience: str = EXCHANGE_TOKENS

    @classmethod
    def of(cls, issuer: str, subject: str, key: Any, *, audience: str = EXCHANGE_TOKENS) -> Self:
        """With the issuer's public key as PEM, JWK or object; raise ValueError when it is no RSA key."""
        return cls(issuer, subject, _public_key(key), audience)

    def to_json(self) -> dict[str, Any]:
        """What Entra shows of it."""
        return {"issuer": self.issuer, "subject": self.subject, "audience": self.audience}


@dataclass(slots=True, kw_only=True)
class Registration:
    """The application; `roles` are for Exchange, `graph_roles` for Graph: none at all with RBAC for Applications."""

    tenant: str
    client_id: str
    secrets: list[Secret]
    certificates: list[Certificate] = field(default_factory=list)
    federated: list[Federated] = field(default_factory=list)
    lifetime_s: int = 3600
    roles: tuple[str, ...] = (SMTP_ROLE,)
    graph_roles: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    public_client: bool = True  # "Allow public client flows": nothing but a code or refresh token is needed
    object_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    tenant_id: str = field(init=False)

    def __post_init__(self) -> None:
        """A tenant given by its domain name has an id of its own."""
        try:
            self.tenant_id = str(uuid.UUID(self.tenant))
        except ValueError:
            self.tenant_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, self.tenant.lower()))

    def knows(self, tenant: str) -> bool:
        """Whether this is our tenant, by name or id."""
        return tenant.lower() in (self.tenant.lower(), self.tenant_id)

    def secret(self, name: str = "") -> Secret:
        """The secret of that id, or the first one; raise ValueError when there is none."""
        for secret in self.secrets:
            if name in ("", secret.id):
                return secret
        raise ValueError(f"the application has no secret {name}")

    def certificate(self, sha1: bytes, sha256: bytes) -> Certificate | None:
        """The registered certificate of one of these thumbprints."""
        return next((one for one in self.certificates if sha1 == one.sha1 or sha256 == one.sha256), None)

    def to_json(self) -> dict[str, Any]:
        """What the portal shows of the application, without values of secrets."""
        return {
            "tenant": self.tenant,
            "tenant_id": self.tenant_id,
            "client_id": self.client_id,
            "secrets": [secret.to_json() for secret in self.secrets],
            "certificates": [certificate.to_json() for certificate in self.certificates],
            "federated": [federated.to_json() for federated in self.federated],
            "roles": list(self.roles),
            "graph_roles": list(self.graph_roles),
            "redirect_uris": list(self.redirect_uris),
            "public_client": self.public_client,
        }


def _public_key(given: Any) -> rsa.RSAPublicKey:
    key = given
    if isinstance(given, Mapping):
        key = jwt.PyJWK(dict(given)).key
    elif isinstance(given, str | bytes):
        pem = given.encode() if isinstance(given, str) else given
        key = serialization.load_pem_public_key(pem)
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("a federated credential needs the RSA public key of its issuer")  # noqa: TRY004
    return key
