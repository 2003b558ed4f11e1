"""What an app and a connector prove themselves with, looked at now: keys that open, that match, that have not ended.

Part of `relay.config.beyond`. A reference that can't be read is told there; here it is passed over.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12
from pydantic import ValidationError

from relay.config.finding import below, sections, text
from relay.config.secret import SecretError, SecretRef
from relay.config.tenant import is_guid, understood

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from relay.config.complaint import Path as Place
    from relay.config.finding import Tree

_CREDENTIALS = ("credential", "next_credential")
_SECRET_ID = (
    "is a GUID: that is the Secret ID, not the secret (AADSTS7000215); store the Value, which Entra shows only once, "
    "when the secret is made"
)
_NO_CLIENT_ID = (
    "is no client id, which is a GUID (AADSTS700016); copy Application (client) ID from the app registration's Overview"
)


class _UnusableError(Exception):
    """Why a key or certificate can't be used; `option` is the one to blame."""

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(problem)
        self.option = option


def problems_of_proofs(data: object) -> Iterator[tuple[Place, str]]:
    """The place of each proof that will not be taken, and why."""
    tree = data if isinstance(data, dict) else {}
    for name, app in sections(tree, "apps"):
        yield from _client(app, ("apps", name, "client_id"))
        for which in _CREDENTIALS:
            yield from _credential(below(app, which), ("apps", name, which))
    for name, profile in sections(tree, "profiles"):
        yield from _pair(below(profile, "connector"), ("profiles", name, "connector"))


def _client(app: Tree, place: Place) -> Iterator[tuple[Place, str]]:
    """Another identity provider may name its clients as it likes."""
    client, authority = text(app, "client_id"), text(app, "authority")
    if client and not is_guid(client.removeprefix("api://")) and (not authority or _is_microsoft(authority)):
        yield place, _NO_CLIENT_ID


def _is_microsoft(authority: str) -> bool:
    try:
        return bool(understood(authority).clouds)
    except ValueError:
        return False


def _credential(credential: Tree, place: Place) -> Iterator[tuple[Place, str]]:
    if is_guid(_read(credential.get("secret"))):
        yield (*place, "secret"), _SECRET_ID
    certificate, federated = below(credential, "certificate"), below(credential, "federated")
    yield from _pfx(certificate, (*place, "certificate"))
    yield from _pair(certificate, (*place, "certificate"), for_entra=True)
    yield from _token(federated, (*place, "federated", "token_file"))


def _token(federated: Tree, place: Place) -> Iterator[tuple[Place, str]]:
    path = text(federated, "token_file")
    if path:
        try:
            if not Path(path).read_text(encoding="utf-8").strip():
                yield place, f"{path} is empty; whoever issues the token has not written it yet"
        except (OSError, ValueError) as error:
            yield place, _unreadable(path, error)


def _pfx(certificate: Tree, place: Place) -> Iterator[tuple[Place, str]]:
    path = text(certificate, "pfx")
    if not path:
        return
    try:
        key, leaf, _ = pkcs12.load_key_and_certificates(Path(path).read_bytes(), _passphrase(certificate))
        _usable(key, leaf, ("pfx", "pfx"))
        _for_entra(key, "pfx")
    except OSError as error:
        yield (*place, "pfx"), _unreadable(path, error)
    except ValueError as error:
        yield (*place, "pfx"), _not_opened(path, error, with_passphrase=certificate.get("passphrase") is not None)
    except _UnusableError as error:
        yield (*place, error.option), str(error)


def _not_opened(path: str, error: ValueError, *, with_passphrase: bool) -> str:
    if "password" in str(error).lower():
        remedy = "set passphrase to that of the export" if not with_passphrase else "passphrase is that of another file"
        return f"{path} does not open; {remedy}"
    return f"{path} is no PFX (PKCS #12) file; for PEM texts use certificate and private_key"


def _pair(section: Tree, place: Place, *, for_entra: bool = False) -> Iterator[tuple[Place, str]]:
    """A certificate and its private key as PEM texts."""
    certificate, key = _read(section.get("certificate")), _read(section.get("private_key"))
    if certificate and key:
        try:
            opened = _key(key, _passphrase(section))
            _usable(opened, _leaf(certificate), ("certificate", "private_key"))
            if for_entra:
                _for_entra(opened, "private_key")
        except _UnusableError as error:
            yield (*place, error.option), str(error)


def _leaf(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        remedy = "give it as PEM, beginning with -----BEGIN CERTIFICATE-----"
        raise _UnusableError("certificate", f"holds no usable certificate; {remedy}") from None


def _key(pem: str, passphrase: bytes | None) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(pem.encode(), passphrase)
    except TypeError:  # a passphrase for a key without, or none for a key with
        remedy = "leave passphrase out" if passphrase else "set passphrase"
        raise _UnusableError("private_key", f"does not open with what passphrase says; {remedy}") from None
    except ValueError:
        remedy = "check passphrase" if passphrase else "give it as PEM, beginning with -----BEGIN PRIVATE KEY-----"
        raise _UnusableError("private_key", f"is no usable private key; {remedy}") from None


def _usable(key: PrivateKeyTypes | None, leaf: x509.Certificate | None, options: tuple[str, str]) -> None:
    """Raises `_UnusableError` unless both are there, belong together, and the certificate has not ended."""
    if leaf is None or key is None:
        lacks = "private key" if key is None else "certificate"
        raise _UnusableError(options[0], f"holds no {lacks}; export the certificate together with its private key")
    if key.public_key() != leaf.public_key():
        raise _UnusableError(options[1], "does not belong to the certificate; name the key it was made with")
    end = leaf.not_valid_after_utc
    if end < datetime.now(UTC):
        remedy = "make a new one and upload it to the app registration"
        raise _UnusableError(options[0], f"has ended on {end:%Y-%m-%d}; {remedy}")


def _for_entra(key: PrivateKeyTypes | None, option: str) -> None:
    if not isinstance(key, RSAPrivateKey):
        remedy = "make both anew: openssl req -x509 -newkey rsa:2048 …"
        raise _UnusableError(option, f"is not RSA, and Entra takes no other key; {remedy}")


def _passphrase(section: Tree) -> bytes | None:
    return _read(section.get("passphrase")).encode() or None


def _read(reference: object) -> str:
    """A secret; empty where there is none, or one that can't be read."""
    try:
        return "" if reference is None else SecretRef.model_validate(reference).read()
    except (SecretError, ValidationError):
        return ""


def _unreadable(path: str, error: OSError | ValueError) -> str:
    reason = getattr(error, "strerror", None) or "not a usable path or text"
    return f"cannot read {path}: {reason}; make the file exist and readable by the relay's user"
