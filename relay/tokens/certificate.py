"""A certificate as the app's credential: read from PFX or PEM, checked, and made into signed client assertions.

The assertion is ours, not MSAL's (RFC 7523; PS256 with x5t#S256, as Microsoft's "certificate credentials" page asks):
MSAL sends the certificate along for every PEM pair, and takes a PFX from disk only. The signature is made in memory, no
key is written anywhere.
"""

from __future__ import annotations

import base64
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from relay.tokens.certificate_files import Pair, read_pem, read_pfx
from relay.tokens.credentials import Proof, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography import x509

LIFE_S = 600


@dataclass(frozen=True, slots=True)
class PfxSource:
    """Where a PFX file is; `passphrase` reads its passphrase, None: it has none."""

    path: Path
    passphrase: Callable[[], str] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return str(self.path)

    def read(self) -> Pair:
        """Raises `TokenError`."""
        return read_pfx(self.path, self.passphrase)


@dataclass(frozen=True, slots=True)
class PemSource:
    """Where a certificate and its key are, both PEM; `name` is the certificate's place."""

    name: str
    certificate: Callable[[], str] = field(repr=False)
    key: Callable[[], str] = field(repr=False)
    passphrase: Callable[[], str] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.name

    def read(self) -> Pair:
        """Raises `TokenError`."""
        return read_pem(self.name, self.certificate, self.key, self.passphrase)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate uploaded to the app registration; `send_chain` sends it along, for trust by subject and issuer."""

    client_id: str
    source: PfxSource | PemSource
    send_chain: bool = False
    clock: Callable[[], float] = time.time

    @property
    def name(self) -> str:
        return f"the certificate {self.source}"

    def load(self) -> Proof:
        """The pair as it is now. Raises `TokenError` also when it is not valid today."""
        pair = self.source.read()
        self._must_be_valid(pair.certificate)
        return Proof(lambda audience: self._assertion(pair, audience), fingerprint(pair.certificate))

    def ends(self) -> datetime:
        """The last moment of the certificate, whether passed or not. Raises `TokenError`."""
        return self.source.read().certificate.not_valid_after_utc

    def thumbprint(self) -> str:
        """SHA-1 of the certificate in hex, by which Entra lists it. Raises `TokenError`."""
        from cryptography.hazmat.primitives import hashes

        return self.source.read().certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303

    def _must_be_valid(self, certificate: x509.Certificate) -> None:
        now = datetime.fromtimestamp(self.clock(), UTC)
        if certificate.not_valid_after_utc < now:
            raise unreadable(
                f"{self.name} ended on {certificate.not_valid_after_utc:%Y-%m-%d}; make a new one, upload it (Entra "
                "admin center → App registrations → Certificates & secrets → Certificates) and put it in this place"
            )
        if certificate.not_valid_before_utc > now:
            begins = certificate.not_valid_before_utc
            raise unreadable(
                f"{self.name} begins on {begins:%Y-%m-%d %H:%M} UTC and it is {now:%Y-%m-%d %H:%M} here; check this "
                "machine's clock (timedatectl status)"
            )

    def _assertion(self, pair: Pair, audience: str) -> str:
        import jwt

        header: dict[str, Any] = {"x5t#S256": fingerprint(pair.certificate)}
        if self.send_chain:
            header["x5c"] = [base64.b64encode(_der(each)).decode() for each in (pair.certificate, *pair.chain)]
        return jwt.encode(self._claims(audience), pair.key, algorithm="PS256", headers=header)

    def _claims(self, audience: str) -> dict[str, Any]:
        now = int(self.clock())
        who = {"iss": self.client_id, "sub": self.client_id, "aud": audience}
        return who | {"jti": str(uuid.uuid4()), "iat": now, "nbf": now, "exp": now + LIFE_S}


def fingerprint(certificate: x509.Certificate) -> str:
    """The value of x5t#S256 (RFC 7515 §4.1.8)."""
    from cryptography.hazmat.primitives import hashes

    return base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).rstrip(b"=").decode()


def _der(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)
