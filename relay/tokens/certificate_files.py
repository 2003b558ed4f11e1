"""Reads a certificate and its RSA key from a PFX file or from two PEM texts; what is wrong with them, in words.

Every failure is a `TokenError` that names the place and the remedy. Its cause is dropped: it may hold what was read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relay.tokens.credentials import read_or_say, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa

    from relay.tokens.source import TokenError

MAKE_PFX = "openssl pkcs12 -export -inkey KEY.pem -in CERTIFICATE.pem -out FILE.pfx"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its key; `chain` holds its authorities that came with it, each after the one it signed."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...] = ()


def read_pfx(path: Path, passphrase: Callable[[], str] | None) -> Pair:
    """The pair in a PFX (PKCS #12) file. Raises `TokenError`."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        remedy = "make the file exist and readable by the relay's user"
        raise unreadable(f"the PFX file {path} cannot be read: {exc.strerror}; {remedy}") from None
    words = (None, b"") if passphrase is None else (read_or_say(passphrase).encode(),)
    for word in words:
        found = _opened(data, word)
        if found is not None:
            return _matched(f"the PFX file {path}", found.key, _certificates(found))
    raise _sealed(path, given=passphrase is not None)


def read_pem(
    name: str, certificate: Callable[[], str], key: Callable[[], str], passphrase: Callable[[], str] | None
) -> Pair:
    """The pair in two PEM texts. Raises `TokenError`."""
    chain = _pem_certificates(name, read_or_say(certificate))
    word = None if passphrase is None else read_or_say(passphrase).encode()
    return _matched(f"the certificate {name}", _pem_key(name, read_or_say(key).encode(), word), chain)


def _opened(data: bytes, passphrase: bytes | None) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        return pkcs12.load_pkcs12(data, passphrase)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _sealed(path: Path, *, given: bool) -> TokenError:
    """The library says the same for both causes."""
    if given:
        return unreadable(
            f"the PFX file {path} does not open with its passphrase: the passphrase is wrong, or it is no PFX file; "
            f"try: openssl pkcs12 -in {path} -noout   (a new one: {MAKE_PFX})"
        )
    return unreadable(
        f"the PFX file {path} does not open without a passphrase: name it under passphrase, or it is no PFX file "
        f"(a new one: {MAKE_PFX})"
    )


def _certificates(found: Any) -> list[x509.Certificate]:
    kept = [found.cert, *found.additional_certs]
    return [each.certificate for each in kept if each is not None]


def _pem_certificates(name: str, text: str) -> list[x509.Certificate]:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        remedy = "give it as PEM, beginning with -----BEGIN CERTIFICATE-----"
        raise unreadable(f"{name} holds no usable certificate; {remedy}") from None


def _pem_key(name: str, data: bytes, passphrase: bytes | None) -> Any:
    """The key; a passphrase that is not needed is not an error."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    whose = f"the private key of the certificate {name}"
    if b"ENCRYPTED" not in data:
        passphrase = None
    try:
        return load_pem_private_key(data, passphrase)
    except TypeError:
        raise unreadable(f"{whose} is encrypted; name its passphrase under passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        if passphrase is None:
            remedy = "give it as PEM, beginning with -----BEGIN PRIVATE KEY-----"
            raise unreadable(f"{whose} is no usable key; {remedy}") from None
        raise unreadable(f"{whose} does not open with its passphrase; try: openssl pkey -in FILE -noout") from None


def _matched(where: str, key: Any, certificates: list[x509.Certificate]) -> Pair:
    """The certificate of that key is the app's, the others are its chain: files hold them in any order."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    if key is None or not certificates:
        missing = "private key" if key is None else "certificate"
        raise unreadable(f"{where} holds no {missing}; make it anew from both: {MAKE_PFX}")
    if not isinstance(key, rsa.RSAPrivateKey):
        remedy = "make one with RSA of 2048 bits or more: openssl req -x509 -newkey rsa:2048 …"
        raise unreadable(f"{where}: the key is not RSA, which Entra asks for; {remedy}")
    for own in certificates:
        if own.public_key() == key.public_key():
            return Pair(own, key, _chain(own, certificates))
    remedy = "name the key it was made with, or make both anew and upload the new certificate to the app registration"
    raise unreadable(f"{where}: the private key does not belong to the certificate; {remedy}")


def _chain(own: x509.Certificate, certificates: list[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """In the order x5c wants them (RFC 7515 §4.1.6); what does not belong to it is left out."""
    chain = [own]
    while signer := next(
        (each for each in certificates if each.subject == chain[-1].issuer and each not in chain), None
    ):
        chain.append(signer)
    return tuple(chain[1:])
