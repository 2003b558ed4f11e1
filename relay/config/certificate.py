"""Certificates, keys and certificate authorities as the ssl module takes them, and in words why it does not.

One place for whoever serves with them and for whoever looks beforehand. Nothing here asks for a passphrase.
"""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path
from typing import NoReturn

CERTIFICATE, PRIVATE_KEY = "certificate", "private_key"
_BEGINS = "-----BEGIN CERTIFICATE-----"
_WEAK = frozenset({"EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"})


class CertificateError(Exception):
    """It can't be served with; `option` is the option of tls to blame, empty for a file no option names."""

    def __init__(self, text: str, option: str = "") -> None:
        super().__init__(f"tls.{option} {text}" if option else text)
        self.option = option
        self.text = text


class _PassphraseError(Exception):
    pass


def load_pair(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Serves with a chain and its key, both PEM. Raises `CertificateError`, and `OSError` when nothing can be written.

    The ssl module reads files only: they are written where only this user looks, and gone after.
    """
    with tempfile.TemporaryDirectory() as directory:
        chain, secret = (_written(Path(directory, name), text) for name, text in (("c", certificate), ("k", key)))
        try:
            load_files(context, chain, secret)
        except (ssl.SSLError, _PassphraseError) as error:
            raise _blamed(error, certificate) from None


def load_kept(context: ssl.SSLContext, path: Path) -> None:
    """Serves with the file that the relay made for itself. Raises `CertificateError`."""
    try:
        load_files(context, path, None)
    except (ssl.SSLError, _PassphraseError) as error:
        remedy = "move the file away: a new one is made at the next start; or set tls.certificate and tls.private_key"
        raise CertificateError(f"the relay's own certificate {path} can't be used: {_said(error)}; {remedy}") from None
    except OSError as error:
        remedy = "make the file readable by the relay's user"
        raise CertificateError(
            f"the relay's own certificate {path} can't be read: {error.strerror}; {remedy}"
        ) from None


def load_files(context: ssl.SSLContext, chain: Path, key: Path | None) -> None:
    """As the ssl module, but an encrypted key is an error, not a question on the terminal."""
    context.load_cert_chain(chain, key, password=_nobody_types)


def pair_problem(certificate: str, key: str) -> CertificateError | None:
    """Why a listener could not serve with these; None when it can. Raises `OSError` when nothing can be written."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        load_pair(context, certificate, key)
    except CertificateError as error:
        return error
    return None


def authorities_problem(path: Path) -> str:
    """Why nobody could be trusted by this file; empty when there is a certificate in it. Raises `OSError`."""
    if path.exists() and not path.is_file() and not path.is_dir():
        return f"{path} is no regular file; name a PEM file of certificate authorities"
    path.open("rb").close()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        return f"{path} can't be used: {_said(error)}; name a PEM file with at least one certificate in it"
    if not context.cert_store_stats()["x509"]:
        return f"{path} holds no certificate; name a PEM file with at least one certificate in it"
    return ""


def _nobody_types() -> NoReturn:
    raise _PassphraseError


def _written(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _blamed(error: ssl.SSLError | _PassphraseError, certificate: str) -> CertificateError:
    """The ssl module doesn't say which of both it stumbled over."""
    if isinstance(error, _PassphraseError):
        remedy = "store it without: openssl pkey -in FILE -out FILE.plain"
        return CertificateError(
            f"is encrypted with a passphrase, and nobody is there to type it; {remedy}", PRIVATE_KEY
        )
    if error.reason == "KEY_VALUES_MISMATCH":
        remedy = "name the key it was made with, and the device's certificate before those of authorities"
        return CertificateError(f"does not belong to tls.certificate; {remedy}", PRIVATE_KEY)
    if error.reason in _WEAK:
        remedy = "get one with RSA of 2048 bits or more, or ECDSA, signed with SHA-256"
        return CertificateError(f"is too weak ({_said(error)}); {remedy}", CERTIFICATE)
    if not _is_chain(certificate):
        return CertificateError(f"holds no usable certificate; give it as PEM, beginning with {_BEGINS}", CERTIFICATE)
    remedy = "give it as PEM, beginning with -----BEGIN PRIVATE KEY-----"
    return CertificateError(f"is no usable private key ({_said(error)}); {remedy}", PRIVATE_KEY)


def _is_chain(certificate: str) -> bool:
    start = certificate.find(_BEGINS)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificate[start:])
    except (ssl.SSLError, ValueError):  # ValueError: not ASCII
        return False
    return start >= 0


def _said(error: ssl.SSLError | _PassphraseError) -> str:
    if isinstance(error, _PassphraseError):
        return "its key is encrypted with a passphrase"
    return error.reason.replace("_", " ").lower() if error.reason else "not PEM"
