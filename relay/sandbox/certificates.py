"""A certificate authority made fresh at every start, the TLS contexts of the sandbox's servers, client certificates."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFE = dt.timedelta(days=30)
_EARLY = dt.timedelta(days=2)  # for a client whose clock is behind


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate's files."""

    certificate: Path
    key: Path


class Authority:
    """A CA of this start: `ca.pem` is in the directory, its key stays in memory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.ca_file = directory / "ca.pem"
        self.ca_file.write_bytes(_authority(self._key).public_bytes(serialization.Encoding.PEM))

    def server(self, names: tuple[str, ...], *, asks_clients: bool = False) -> ssl.SSLContext:
        """A server's context (TLS 1.2 and up) for DNS names or addresses; it may ask for a client certificate."""
        issued = self.issue("server", names, ExtendedKeyUsageOID.SERVER_AUTH)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(issued.certificate, issued.key)
        if asks_clients:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(self.ca_file)
        return context

    def client(self, name: str) -> Issued:
        """A client's certificate for one DNS name."""
        return self.issue(f"client-{name}", (name,), ExtendedKeyUsageOID.CLIENT_AUTH)

    def issue(self, file: str, names: tuple[str, ...], usage: x509.ObjectIdentifier) -> Issued:
        """Write `<file>.pem` and `<file>-key.pem`."""
        private = ec.generate_private_key(ec.SECP256R1())
        issued = Issued(self._directory / f"{file}.pem", self._directory / f"{file}-key.pem")
        made = _leaf(private, names, usage=usage, ca_key=self._key)
        issued.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        issued.key.touch(mode=0o600)
        issued.key.write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return issued


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLY)
        .not_valid_after(now + _LIFE)
    )


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        _builder("Sandbox CA, trust it nowhere else", "Sandbox CA, trust it nowhere else", key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _leaf(
    key: ec.EllipticCurvePrivateKey,
    names: tuple[str, ...],
    *,
    usage: x509.ObjectIdentifier,
    ca_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        _builder(names[0], "Sandbox CA, trust it nowhere else", key.public_key())
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
