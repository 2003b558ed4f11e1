"""Whom a connection upstream trusts: the configured CA file, else the certifi bundle; never the environment.

`SSL_CERT_FILE` and its kin are not read: what is trusted stands in the configuration, for SMTP as for Entra.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path


def client_context(ca_file: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or newer, certificate and name verified. Blocks while it reads. Raises `OSError` (`ssl.SSLError`)."""
    path = ca_file or _bundle()
    return _context(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=16)  # the default bundle alone is 140 certificates: not once per profile
def _context(path: Path, _changed_at: int) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(path)
    return context


def _bundle() -> Path:
    import certifi

    return Path(certifi.where())
