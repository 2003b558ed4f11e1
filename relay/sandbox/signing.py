"""The authority's signing keys: they make and verify JWTs of version 1.0, and may change while it runs."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

_ALGORITHM = "RS256"
_REQUIRED = ["exp", "nbf", "aud", "iss", "tid", "appid"]


class BadTokenError(Exception):
    """A token that must not be believed; the text says why (Exchange itself never tells)."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key of the authority; made fresh, never stored."""

    private: rsa.RSAPrivateKey
    kid: str

    @classmethod
    def fresh(cls) -> Self:
        """Make a key."""
        return cls(rsa.generate_private_key(65537, 2048), secrets.token_urlsafe(20))

    def jwk(self) -> dict[str, str]:
        """The public key as a JSON Web Key (RFC 7517)."""
        numbers = self.private.public_key().public_numbers()
        modulus, exponent = _octets(numbers.n), _octets(numbers.e)
        return {"kty": "RSA", "use": "sig", "alg": _ALGORITHM, "kid": self.kid, "x5t": self.kid} | {
            "n": modulus,
            "e": exponent,
        }


class KeyRing:
    """The newest key signs; every key that is published verifies."""

    def __init__(self) -> None:
        self._keys = [SigningKey.fresh()]

    def rotate(self) -> None:
        """Sign with a new key from now on; tokens of the old ones stay good."""
        self._keys.insert(0, SigningKey.fresh())

    def replace(self) -> None:
        """Forget all keys: what they signed is worthless."""
        self._keys = [SigningKey.fresh()]

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token of these claims."""
        key = self._keys[0]
        return jwt.encode(dict(claims), key.private, algorithm=_ALGORITHM, headers={"kid": key.kid, "x5t": key.kid})

    def verify(self, token: str, *, audience: str | list[str], issuer: str) -> dict[str, Any]:
        """The claims of a token that is ours, for this audience, and valid now; raise BadTokenError otherwise."""
        try:
            return dict(
                jwt.decode(
                    token,
                    self._key_of(token).private.public_key(),
                    algorithms=[_ALGORITHM],
                    audience=audience,
                    issuer=issuer,
                    options={"require": _REQUIRED},
                )
            )
        except jwt.PyJWTError as error:
            raise BadTokenError(str(error)) from error

    def jwks(self) -> list[dict[str, str]]:
        """All public keys, newest first."""
        return [key.jwk() for key in self._keys]

    def _key_of(self, token: str) -> SigningKey:
        kid = jwt.get_unverified_header(token).get("kid")
        return next((key for key in self._keys if key.kid == kid), self._keys[0])


def _octets(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
