"""An identity provider and an XOAUTH2 submission server nobody here wrote, on loopback, and the relay between them."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.e2e.running import Journal
from tests.interop.dovecot import Dovecot, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aiosmtpd.smtp import SMTP, Envelope, Session

HERE = Path(__file__).parent
CLIENT, SECRET, MAILBOX = "c11e57a1-0000-4000-8000-000000000001", "a secret of the provider", "box@contoso.test"
SCOPE = "https://outlook.office365.com/.default"
KEY_ID = "relay-test"


@dataclass(frozen=True)
class Delivered:
    """One message as the sink got it."""

    mail_from: str
    recipients: tuple[str, ...]
    content: bytes


class Sink:
    """Where Dovecot hands mail on to: aiosmtpd, which keeps everything."""

    def __init__(self) -> None:
        self._messages: list[Delivered] = []
        self._changed = threading.Condition()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        message = Delivered(str(envelope.mail_from), tuple(map(str, envelope.rcpt_tos)), bytes(envelope.content or b""))
        with self._changed:
            self._messages.append(message)
            self._changed.notify_all()
        return "250 2.0.0 kept"

    def to(self, recipient: str) -> list[Delivered]:
        """What has come for a recipient by now."""
        return [message for message in list(self._messages) if recipient in message.recipients]

    def wait_for(self, recipient: str) -> Delivered:
        """The first message for a recipient, once it is there."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.to(recipient), 30), f"nothing for {recipient}"
        return self.to(recipient)[0]


@dataclass(frozen=True)
class Identity:
    """The running provider, as the relay has to be told of it."""

    port: int
    facts: Journal

    @property
    def authority(self) -> str:
        return f"https://localhost:{self.port}/contoso"

    @property
    def issuer(self) -> str:
        return f"{self.authority}/v2.0"


@pytest.fixture(scope="module")
def authorities() -> trustme.CA:
    """The certificate authority of both servers."""
    return trustme.CA()


@pytest.fixture(scope="module")
def signing_key() -> rsa.RSAPrivateKey:
    """What tokens are signed with."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """A directory with a short path (UNIX sockets), which Dovecot's user may enter."""
    with tempfile.TemporaryDirectory(prefix="interop-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def ca_file(authorities: trustme.CA, directory: Path) -> Path:
    """The authority's certificate, as the relay is told of it."""
    path = directory / "ca.pem"
    authorities.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="module")
def identity(
    need_tool: Callable[[str], str], lacking: Callable[[str], Any], authorities: trustme.CA,
    signing_key: rsa.RSAPrivateKey, directory: Path,
) -> Iterator[Identity]:  # fmt: skip
    """npm's oidc-provider in the place of Entra, until the module ends."""
    if not (HERE / "oidc/node_modules/oidc-provider").is_dir():
        lacking("npm's oidc-provider is not installed; tests/setup installs it")
    certificate = authorities.issue_cert("localhost")
    told = {
        "certificate": certificate.cert_chain_pems[0].bytes().decode(),
        "key": certificate.private_key_pem.bytes().decode(),
        "signing_key": signing_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "key_id": KEY_ID,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "redirect_uri": "https://localhost/callback",
        "scope": SCOPE,
        "mailbox": MAILBOX,
    }
    path = directory / "provider.json"
    path.write_text(json.dumps(told))
    command = [need_tool("node"), str(HERE / "oidc/provider.js"), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        facts = Journal()
        reader = threading.Thread(target=facts.read, args=(process.stdout,), daemon=True)
        reader.start()
        try:
            yield Identity(int(facts.wait("provider.listening")["port"]), facts)
        finally:
            process.terminate()
            reader.join()


@pytest.fixture(scope="module")
def sink() -> Iterator[tuple[Sink, int]]:
    """A mail server behind Dovecot, and its port."""
    kept = Sink()
    controller = Controller(kept, hostname="127.0.0.1", port=free_port(), ready_timeout=20)
    controller.start()
    yield kept, int(controller.port)
    controller.stop()


@pytest.fixture(scope="module")
def dovecot(
    need_tool: Callable[[str], str], lacking: Callable[[str], Any], authorities: trustme.CA,
    signing_key: rsa.RSAPrivateKey, identity: Identity, sink: tuple[Sink, int],
) -> Iterator[Dovecot]:  # fmt: skip
    """Debian's Dovecot submission in the place of Exchange, until the module ends."""
    program = need_tool("dovecot")
    need_tool("/usr/lib/dovecot/submission")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    if not version.startswith("2.3."):
        lacking(f"the configuration of this test is Dovecot 2.3's, and here is {version}")
    with tempfile.TemporaryDirectory(prefix="dovecot-") as name:
        directory = Path(name)
        certificate = authorities.issue_cert("localhost")
        certificate.cert_chain_pems[0].write_to_path(str(directory / "server.pem"))
        certificate.private_key_pem.write_to_path(str(directory / "server.key"))
        keys = directory / "keys/default/RS256"
        keys.mkdir(parents=True)
        (keys / KEY_ID).write_bytes(
            signing_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        with Dovecot(program, directory, issuer=identity.issuer, sink=sink[1]) as running:
            yield running
