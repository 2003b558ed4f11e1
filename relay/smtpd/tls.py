"""The relay's own certificate: the administrator's, or a self-signed one made once and kept."""

from __future__ import annotations

import datetime as dt
import os
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relay.config.settings import Tls

_YEARS = 10


def server_context(settings: Tls, directory: Path, hostname: str) -> ssl.SSLContext:
    """A context for STARTTLS and implicit TLS. Raises `SecretError`, `OSError` or `ssl.SSLError`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.certificate is not None and settings.private_key is not None:
        _load(context, settings.certificate.read() + "\n" + settings.private_key.read() + "\n")
    else:
        context.load_cert_chain(_self_signed(directory / "tls.pem", hostname))
    return context


def _load(context: ssl.SSLContext, pem: str) -> None:
    """The ssl module reads files only; the key is written where only this user looks, and gone after."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "chain.pem")
        path.touch(mode=0o600)
        path.write_text(pem)
        context.load_cert_chain(path)


def _self_signed(path: Path, hostname: str) -> Path:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        with part.open("wb") as file:
            file.write(_make(hostname))
            file.flush()
            os.fsync(file.fileno())  # else a power cut could leave an empty certificate that nothing makes anew
        part.replace(path)
    return path


def _make(hostname: str) -> bytes:
    from cryptography import x509  # slow to import, needed once in a lifetime
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    # RSA, because many devices know nothing else.
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, hostname[:64])])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=365 * _YEARS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem + certificate.public_bytes(serialization.Encoding.PEM)
