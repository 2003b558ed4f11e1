"""Access tokens as Entra makes them for Exchange Online: signed JWTs of version 1.0, and their public keys."""

import base64
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

_ALGORITHM = "RS256"


class BadTokenError(Exception):
    """A token that must not be believed; the text says why (Exchange itself never tells)."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The authority's key; made fresh, never stored."""

    private: rsa.RSAPrivateKey
    kid: str

    @classmethod
    def fresh(cls) -> Self:
        """Make a key."""
        return cls(rsa.generate_private_key(65537, 2048), secrets.token_urlsafe(20))

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token of these claims."""
        headers = {"kid": self.kid, "x5t": self.kid}
        return jwt.encode(dict(claims), self.private, algorithm=_ALGORITHM, headers=headers)

    def verify(self, token: str, *, audience: str, issuer: str) -> dict[str, Any]:
        """The claims of a token that is ours, for this audience, and valid now; raise BadTokenError otherwise."""
        required = ["exp", "nbf", "aud", "iss", "tid", "appid"]
        try:
            return dict(
                jwt.decode(
                    token,
                    self.private.public_key(),
                    algorithms=[_ALGORITHM],
                    audience=audience,
                    issuer=issuer,
                    options={"require": required},
                )
            )
        except jwt.PyJWTError as error:
            raise BadTokenError(str(error)) from error

    def jwk(self) -> dict[str, str]:
        """The public key as a JSON Web Key (RFC 7517)."""
        numbers = self.private.public_key().public_numbers()
        modulus, exponent = _octets(numbers.n), _octets(numbers.e)
        return {"kty": "RSA", "use": "sig", "alg": _ALGORITHM, "kid": self.kid, "x5t": self.kid} | {
            "n": modulus,
            "e": exponent,
        }


def issuer_of(tenant_id: str) -> str:
    """The issuer of version 1.0 tokens, the version Exchange Online asks for."""
    return f"https://sts.windows.net/{tenant_id}/"


def app_claims(
    *, audience: str, tenant_id: str, client_id: str, roles: tuple[str, ...], lifetime_s: int
) -> dict[str, Any]:
    """The claims of an app-only token, as long as real ones are: the XOAUTH2 line gets well over 512 octets."""
    now = int(time.time())
    service_principal = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{tenant_id}/{client_id}"))
    claims: dict[str, Any] = {
        "aud": audience,
        "iss": issuer_of(tenant_id),
        "iat": now,
        "nbf": now,
        "exp": now + lifetime_s,
        "aio": secrets.token_urlsafe(56),
        "app_displayname": "sandbox relay",
        "appid": client_id,
        "appidacr": "1",
        "idp": issuer_of(tenant_id),
        "idtyp": "app",
        "oid": service_principal,
        "rh": "1." + secrets.token_urlsafe(60),
        "sid": str(uuid.uuid4()),
        "sub": service_principal,
        "tid": tenant_id,
        "uti": secrets.token_urlsafe(16),
        "ver": "1.0",
        "wids": ["0997a1d0-0d1d-4acb-b408-d5ca73121e90"],
        "xms_ftd": secrets.token_urlsafe(48),
        "xms_idrel": "7 24",
    }
    return claims | ({"roles": list(roles)} if roles else {})


def _octets(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
