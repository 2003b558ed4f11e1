"""What an app proves itself with is looked at beforehand: keys that open, that match, that have not ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from relay.config.loader import check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Judge = Callable[[str, str], str]
    Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

SECRET = "{secret: {env: CONTOSO_SECRET}}"
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay")])
SEALED = (
    "{certificate: {certificate: {file: DIR/good.crt}, private_key: {file: DIR/sealed.key}, "
    "passphrase: {file: DIR/passphrase}}}"
)
KEY, OTHER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
CURVE = ec.generate_private_key(ec.SECP256R1())
PASSPHRASE = b"open sesame"


def certificate(days: int = 30, key: Key = KEY) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(NAME, NAME, key.public_key(), x509.random_serial_number())
    return (
        builder.not_valid_before(now - timedelta(days=90)).not_valid_after(now + timedelta(days=days))
    ).sign(key, hashes.SHA256())  # fmt: skip


def pem(key: Key, passphrase: bytes | None = None) -> bytes:
    sealed = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keys and certificates, good and bad, in one directory."""
    sealed = BestAvailableEncryption(PASSPHRASE)
    contents = {
        "good.pfx": pkcs12.serialize_key_and_certificates(b"relay", KEY, certificate(), None, sealed),
        "ended.pfx": pkcs12.serialize_key_and_certificates(b"relay", KEY, certificate(-1), None, sealed),
        "keyless.pfx": pkcs12.serialize_key_and_certificates(b"relay", None, certificate(), None, sealed),
        "open.pfx": pkcs12.serialize_key_and_certificates(b"relay", KEY, certificate(), None, NoEncryption()),
        "good.crt": certificate().public_bytes(Encoding.PEM),
        "ended.crt": certificate(-1).public_bytes(Encoding.PEM),
        "good.key": pem(KEY),
        "curve.crt": certificate(key=CURVE).public_bytes(Encoding.PEM),
        "curve.key": pem(CURVE),
        "curve.pfx": pkcs12.serialize_key_and_certificates(
            b"relay", CURVE, certificate(key=CURVE), None, NoEncryption()
        ),
        "sealed.key": pem(KEY, PASSPHRASE),
        "other.key": pem(OTHER),
        "passphrase": PASSPHRASE,
        "wrong": b"sesame",
        "token": b"eyJ0eXAi",
        "empty": b"\n",
        "guid": b"11111111-2222-3333-4444-555555555555\n",
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    monkeypatch.setenv("CONTOSO_SECRET", "S3cr3t")
    monkeypatch.setenv("ERP_PASSWORD", "another")
    return tmp_path


@pytest.fixture
def judge(files: Path, good: str) -> Judge:
    """`judge(old, new)` is what `check` finds after one change; `DIR` stands for the files' directory."""

    def find(old: str, new: str) -> str:
        assert old in good
        path = files / "relay.yaml"
        path.write_text(good.replace(old, new.replace("DIR", str(files)), 1))
        return "\n".join(map(str, check(path)))

    return find


@pytest.mark.parametrize(
    "proof",
    [
        "{certificate: {pfx: DIR/good.pfx, passphrase: {file: DIR/passphrase}}}",
        "{certificate: {pfx: DIR/open.pfx}}",
        "{certificate: {certificate: {file: DIR/good.crt}, private_key: {file: DIR/good.key}}}",
        SEALED,
        "{federated: {token_file: DIR/token}}",
        "{federated: {managed_identity: system}}",
    ],
)
def test_a_proof_that_holds_is_no_complaint(judge: Judge, proof: str) -> None:
    """PFX and PEM, with and without a passphrase; a token of somebody else."""
    assert judge(SECRET, proof) == ""


@pytest.mark.parametrize(
    ("proof", "words"),
    [
        ("{certificate: {pfx: DIR/none.pfx}}", "credential.certificate.pfx: cannot read DIR/none.pfx: No such file"),
        (
            "{certificate: {pfx: DIR/good.key}}",
            "is no PFX (PKCS #12) file; for PEM texts use certificate and private_key",
        ),
        ("{certificate: {pfx: DIR/good.pfx}}", "good.pfx does not open; set passphrase to that of the export"),
        (
            "{certificate: {pfx: DIR/good.pfx, passphrase: {file: DIR/wrong}}}",
            "good.pfx does not open; passphrase is that of another file",
        ),
        (
            "{certificate: {pfx: DIR/keyless.pfx, passphrase: {file: DIR/passphrase}}}",
            "certificate.pfx: holds no private key; export the certificate together with its private key",
        ),
        (
            "{certificate: {pfx: DIR/ended.pfx, passphrase: {file: DIR/passphrase}}}",
            "make a new one and upload it to the app registration",
        ),
        (
            "{certificate: {certificate: {file: DIR/good.crt}, private_key: {file: DIR/other.key}}}",
            "certificate.private_key: does not belong to the certificate; name the key it was made with",
        ),
        (
            "{certificate: {certificate: {file: DIR/ended.crt}, private_key: {file: DIR/good.key}}}",
            "certificate.certificate: has ended on 20",
        ),
        (
            "{certificate: {certificate: {file: DIR/good.key}, private_key: {file: DIR/good.key}}}",
            "certificate.certificate: holds no usable certificate",
        ),
        (
            "{certificate: {certificate: {file: DIR/good.crt}, private_key: {file: DIR/sealed.key}}}",
            "certificate.private_key: does not open with what passphrase says; set passphrase",
        ),
        (
            "{certificate: {certificate: {file: DIR/good.crt}, private_key: {file: DIR/good.crt}}}",
            "certificate.private_key: is no usable private key; give it as PEM",
        ),
        (
            "{certificate: {certificate: {file: DIR/curve.crt}, private_key: {file: DIR/curve.key}}}",
            "certificate.private_key: is not RSA, and Entra takes no other key",
        ),
        ("{certificate: {pfx: DIR/curve.pfx}}", "certificate.pfx: is not RSA, and Entra takes no other key"),
        ("{federated: {token_file: DIR/none}}", "federated.token_file: cannot read DIR/none: No such file"),
        ("{federated: {token_file: DIR/empty}}", "empty is empty; whoever issues the token has not written it yet"),
        ("{secret: {file: DIR/guid}}", "credential.secret: is a GUID: that is the Secret ID, not the secret"),
        (f"{SECRET}, next_credential: {{secret: {{file: DIR/guid}}}}", "next_credential.secret: is a GUID"),
    ],
)
def test_a_proof_that_fails_is_told_before_entra_does(judge: Judge, files: Path, proof: str, words: str) -> None:
    """One complaint, with its place and what to do."""
    found = judge(SECRET, proof)
    assert found.count("\n") == 0, found
    assert words.replace("DIR", str(files)) in found


def test_a_connectors_pair_is_looked_at_too(judge: Judge) -> None:
    """It is shown to Exchange, where a mistake is harder to read."""
    found = judge(
        "from: mailbox",
        "transport: connector, connector: {host: contoso-com.mail.protection.outlook.com, "
        "certificate: {file: DIR/good.crt}, private_key: {file: DIR/other.key}}",
    )
    assert "profiles.scans.connector.private_key: does not belong to the certificate" in found


def test_no_secret_is_shown(judge: Judge) -> None:
    """Neither a passphrase nor what may be a secret after all."""
    wrong = "{certificate: {pfx: DIR/good.pfx, passphrase: {file: DIR/wrong}}}"
    assert "sesame" not in judge(SECRET, wrong)
    assert "11111111-2222" not in judge(SECRET, "{secret: {file: DIR/guid}}")


CLIENT = "client_id: 11111111-2222-3333-4444-555555555555"


def test_a_client_id_that_is_no_guid_is_told(judge: Judge) -> None:
    """At Microsoft it is one for certain; another identity provider names its clients as it likes."""
    assert "apps.contoso.client_id: is no client id, which is a GUID (AADSTS700016)" in judge(
        CLIENT, "client_id: relay"
    )
    assert judge(CLIENT, "client_id: relay, authority: https://login.own.example/realm") == ""
    microsoft = "client_id: relay, authority: https://login.microsoftonline.com/common"
    assert "AADSTS700016" in judge(CLIENT, microsoft)
