"""The relay's own certificate: the administrator's, or a self-signed one made once and kept."""

from __future__ import annotations

import datetime as dt
import os
import ssl
import warnings
from typing import TYPE_CHECKING

from relay.config.certificate import CertificateError, load_kept, load_pair
from relay.config.settings import TlsFloor

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from relay.config.settings import Tls

HANDSHAKE_S = 30
_YEARS = 10
# Security level 0 lets SHA-1 and small keys pass; suites without a certificate would help nobody but an attacker.
_OLD_CIPHERS = "ALL:COMPLEMENTOFDEFAULT:!aNULL:!eNULL:@SECLEVEL=0"
_TOO_OLD = frozenset({"UNSUPPORTED_PROTOCOL", "NO_SHARED_CIPHER", "VERSION_TOO_LOW", "NO_PROTOCOLS_AVAILABLE"})
_TOO_OLD_REMEDY = {
    TlsFloor.MODERN: "the device knows only old TLS: give it a listener with tls_floor: legacy",
    TlsFloor.LEGACY: "the device knows only SSLv3, RC4, 3DES or DHE, which can't be had: turn encryption off in it, "
    "and know it by its address on a listener with tls: none or optional",
}
_PLAIN = "the device does not begin with TLS: turn on SSL in it, or give it the port of a listener with tls: optional"
_REMEDIES = {
    "WRONG_VERSION_NUMBER": _PLAIN,
    "HTTP_REQUEST": _PLAIN,
    "UNKNOWN_CA": "the device does not trust the relay's certificate: set tls.certificate to one it trusts, or turn "
    "its check of certificates off",
    "CERTIFICATE_UNKNOWN": "the device does not accept the relay's certificate: name and dates must be as it expects",
}


def server_contexts(settings: Tls, directory: Path, hostname: str) -> dict[TlsFloor, ssl.SSLContext]:
    """A context for STARTTLS and implicit TLS for each floor. Raises `SecretError`, `CertificateError` or `OSError`."""
    return {floor: _context(floor, settings, directory, hostname) for floor in TlsFloor}


def handshake_remedy(error: OSError, floor: TlsFloor) -> str:
    """What an administrator can do about a handshake that failed; empty where nobody can know."""
    reason = getattr(error, "reason", None) or ""
    if reason in _TOO_OLD:
        return _TOO_OLD_REMEDY[floor]
    return next((remedy for word, remedy in _REMEDIES.items() if word in reason), "")


def tls_version(transport: asyncio.BaseTransport) -> str:
    """The version spoken on a connection, such as TLSv1.2; empty in clear."""
    tls = transport.get_extra_info("ssl_object")
    return "" if tls is None else tls.version() or "TLS"


def tls_cipher(transport: asyncio.BaseTransport) -> str:
    """The cipher suite of a connection, as OpenSSL calls it; empty in clear."""
    tls = transport.get_extra_info("ssl_object")
    suite = None if tls is None else tls.cipher()
    return suite[0] if suite else ""


def _context(floor: TlsFloor, settings: Tls, directory: Path, hostname: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # no device asks for it, and each costs us more than who asks
    if floor is TlsFloor.LEGACY:
        _lower(context)
    if settings.certificate is not None and settings.private_key is not None:
        load_pair(context, settings.certificate.read(), settings.private_key.read())
    else:
        load_kept(context, _kept(directory / "tls.pem", hostname))
    return context


def _lower(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of TLS 1.0, and rightly
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers(_OLD_CIPHERS)


def _kept(path: Path, hostname: str) -> Path:
    try:
        return _self_signed(path, hostname)
    except OSError as error:
        remedy = "make data_dir writable by the relay's user, or set tls.certificate and tls.private_key"
        reason = error.strerror or error
        raise CertificateError(f"the relay's own certificate can't be kept as {path}: {reason}; {remedy}") from error


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
