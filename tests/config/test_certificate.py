"""Certificates, keys and CA files: what nobody could serve with is told beforehand, by option, and nobody is asked."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, NamedTuple

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from relay.config.certificate import CertificateError, load_kept, load_pair
from relay.config.loader import check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Pair(NamedTuple):
    """A certificate and its key, PEM."""

    certificate: str
    key: str


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def issued(authority: trustme.CA) -> Pair:
    leaf = authority.issue_cert("relay.test")
    return Pair("".join(blob.bytes().decode() for blob in leaf.cert_chain_pems), leaf.private_key_pem.bytes().decode())


@pytest.fixture(scope="module")
def pair(authority: trustme.CA) -> Pair:
    return issued(authority)


def encrypted(key: str) -> str:
    """The key behind a passphrase."""
    return (
        serialization.load_pem_private_key(key.encode(), None)
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"passphrase"),
        )
        .decode()
    )


@pytest.fixture
def told(tmp_path: Path, good: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], list[str]]:
    """What `check` says about a configuration with this certificate and key, the lines after file and place."""
    monkeypatch.setenv("CONTOSO_SECRET", "x")
    monkeypatch.setenv("ERP_PASSWORD", "y")

    def judge(certificate: str, key: str) -> list[str]:
        (tmp_path / "crt").write_text(certificate)
        (tmp_path / "key").write_text(key)
        path = tmp_path / "relay.yaml"
        references = f"{{certificate: {{file: {tmp_path}/crt}},\n  private_key: {{file: {tmp_path}/key}}}}"
        path.write_text(f"tls: {references}\n{good}")
        return [str(item).removeprefix(f"{path}:") for item in check(path)]

    return judge


def test_a_pair_that_belongs_together_is_no_mistake(told: Callable[[str, str], list[str]], pair: Pair) -> None:
    """With comments around it, as tools write them."""
    assert told(f"# für den Kopierer\n\n{pair.certificate}\n\n", f"\n{pair.key}\n") == []


def test_what_is_no_certificate_is_told(told: Callable[[str, str], list[str]], pair: Pair) -> None:
    """Text, half a file, or the key in its place."""
    for broken in ("junk", pair.certificate[:300], pair.key):
        (line,) = told(broken, pair.key)
        assert line.startswith("1:20: tls.certificate: holds no usable certificate; give it as PEM")


def test_what_is_no_key_is_told(told: Callable[[str, str], list[str]], pair: Pair) -> None:
    """It is not shown."""
    for broken in ("S3cr3t", pair.key[:150], pair.certificate):
        (line,) = told(pair.certificate, broken)
        assert line.startswith("2:16: tls.private_key: is no usable private key")
        assert broken not in line


def test_the_key_of_another_certificate_is_told(
    told: Callable[[str, str], list[str]], pair: Pair, authority: trustme.CA
) -> None:
    """A renewed certificate with the old key."""
    (line,) = told(pair.certificate, issued(authority).key)
    assert "tls.private_key: does not belong to tls.certificate" in line


def test_an_encrypted_key_is_told_and_nobody_is_asked(told: Callable[[str, str], list[str]], pair: Pair) -> None:
    """On a terminal OpenSSL would wait for a passphrase for ever."""
    (line,) = told(pair.certificate, encrypted(pair.key))
    assert "tls.private_key: is encrypted with a passphrase" in line
    assert "openssl pkey" in line


def test_who_serves_hears_the_same_with_the_option(pair: Pair) -> None:
    """Not an error of the ssl module that names a line of its own source."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.raises(CertificateError, match=r"^tls\.private_key is encrypted"):
        load_pair(context, pair.certificate, encrypted(pair.key))
    with pytest.raises(CertificateError, match=r"^tls\.certificate holds no usable certificate"):
        load_pair(context, "junk", pair.key)


@pytest.mark.parametrize("content", ["", "junk", "encrypted"])
def test_a_kept_certificate_that_is_broken_is_named(tmp_path: Path, pair: Pair, content: str) -> None:
    """With what to do about it."""
    kept = tmp_path / "tls.pem"
    kept.write_text(pair.certificate + encrypted(pair.key) if content == "encrypted" else content)
    with pytest.raises(CertificateError, match="move the file away") as caught:
        load_kept(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), kept)
    assert str(kept) in str(caught.value)


def test_a_ca_file_holds_a_certificate(
    tmp_path: Path, good: str, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty file, any text or a device that never ends is no authority."""
    monkeypatch.setenv("CONTOSO_SECRET", "x")
    monkeypatch.setenv("ERP_PASSWORD", "y")
    path, ca = tmp_path / "relay.yaml", tmp_path / "ca.pem"

    def judged(name: object) -> list[str]:
        path.write_text(good.replace("from: mailbox", f"from: mailbox, endpoint: {{ca_file: {name}}}"))
        return [str(item) for item in check(path)]

    authority.cert_pem.write_to_path(ca)
    assert judged(ca) == []
    for junk in ("", "junk", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        ca.write_text(junk)
        (line,) = judged(ca)
        assert f"{path}:6:" in line
        assert "profiles.scans.endpoint.ca_file: " in line
        assert "at least one certificate" in line
    assert "is no regular file" in judged("/dev/zero")[0]
    assert "Is a directory" in judged(tmp_path)[0]
