"""Whom a connection upstream trusts: the configured CA file, else the certifi bundle; never the environment.

`SSL_CERT_FILE` and its kin are not read: what is trusted stands in the configuration, for SMTP as for Entra. And who
the relay is, where a certificate says so.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from relay.config.certificate import CertificateError, load_pair
from relay.config.secret import SecretError

if TYPE_CHECKING:
    from relay.config.secret import SecretRef


class TrustError(Exception):
    """No TLS can be spoken: a file cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The certificate the relay shows, and its key: where they are kept. Read anew for each connection."""

    certificate: SecretRef
    private_key: SecretRef

    def show(self, context: ssl.SSLContext) -> None:
        """Raises `TrustError`."""
        try:
            load_pair(context, self.certificate.read(), self.private_key.read())
        except (CertificateError, SecretError, OSError) as exc:
            text = exc.text if isinstance(exc, CertificateError) else str(exc)
            raise TrustError(f"the certificate {self.certificate} with key {self.private_key}: {text}") from exc


def client_context(ca_file: Path | None, identity: Identity | None = None) -> ssl.SSLContext:
    """TLS 1.2 or newer, certificate and name verified. Blocks while it reads. Raises `TrustError`."""
    path = ca_file or _bundle()
    try:
        if identity is None:
            return _shared(path, path.stat().st_mtime_ns)
        context = _context(path)
    except OSError as exc:
        raise TrustError(f"the CA file {path} cannot be used: {exc}") from exc
    identity.show(context)
    return context


@lru_cache(maxsize=16)  # the default bundle alone is 140 certificates: not once per profile
def _shared(path: Path, _changed_at: int) -> ssl.SSLContext:
    return _context(path)


def _context(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(path)
    return context


def _bundle() -> Path:
    import certifi

    return Path(certifi.where())
