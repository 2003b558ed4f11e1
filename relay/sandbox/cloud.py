"""The pretend Microsoft 365: Entra and Exchange Online on loopback, with a CA, keys and a secret made at every start.

async with Cloud(CloudOptions()) as cloud:
    ... configure a relay with cloud.settings, let it send ...
    arrived = await cloud.arrivals.wait_for(1)
"""

import ssl
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from relay.sandbox import certificates, httpd
from relay.sandbox.door import Door
from relay.sandbox.entra import Entra
from relay.sandbox.exchange import Exchange, Policy
from relay.sandbox.faults import Fault, Faults
from relay.sandbox.limits import Limits
from relay.sandbox.mailbox import Arrivals
from relay.sandbox.management import Management
from relay.sandbox.registration import (
    EXCHANGE_TOKENS,
    SECRET_STATES,
    SMTP_ROLE,
    Certificate,
    Federated,
    Registration,
    Secret,
)
from relay.sandbox.scopes import OUTLOOK
from relay.sandbox.session import Session
from relay.sandbox.wire import Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudOptions:
    """What the pretend cloud is like. Empty texts are made up freshly; 0 for a port means any free one."""

    host: str = "127.0.0.1"
    name: str = "localhost"  # by which clients reach it; the certificate covers it, `host` and 127.0.0.1
    entra_port: int = 0
    smtp_port: int = 0
    management_port: int = 0
    tenant: str = ""
    client_id: str = ""
    client_secret: str = ""
    certificates: tuple[str, ...] = ()  # PEM texts, registered for client assertions
    mailboxes: tuple[str, ...] = ("scanner@contoso.test", "erp@contoso.test", "plc@contoso.test")
    send_as: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    token_lifetime_s: int = 3600
    roles: tuple[str, ...] = (SMTP_ROLE,)  # empty: as with RBAC for Applications, see Policy.rbac
    graph_roles: tuple[str, ...] = ("Mail.Send",)
    sessions_per_mailbox: int = 3
    messages_per_minute: int = 30  # 0: as many as come
    recipients_per_day: int = 10_000
    policy: Policy = field(default_factory=Policy)
    chunking: bool = True
    pipelining: bool = True
    reply_delay_s: float = 0.0  # latency of every SMTP reply; one flight of commands pays it once
    mishaps: float = 0.0  # share of MAIL commands answered with a passing 451
    directory: Path | None = None  # for ca.pem and the like; None: a temporary one, gone after stop()
    keep_files: bool = False  # write what arrives as .eml and .json into directory/arrived


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """What a client of the running cloud needs."""

    authority: str
    tenant: str
    client_id: str
    client_secret: str
    scope: str
    smtp_host: str
    smtp_port: int
    ca_file: Path
    secret_file: Path
    mailboxes: tuple[str, ...]
    management_url: str
    directory: Path

    def to_json(self) -> dict[str, Any]:
        """The settings as a JSON object."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}


class Cloud:
    """Starts and stops everything; `faults`, `arrivals`, `entra` and `exchange` are open to tests."""

    def __init__(self, options: CloudOptions | None = None) -> None:
        self.options = options = options or CloudOptions()
        self.faults = Faults()
        self.entra = Entra(
            Registration(
                tenant=options.tenant or str(uuid.uuid4()),
                client_id=options.client_id or str(uuid.uuid4()),
                secrets=[Secret.fresh(options.client_secret)],
                certificates=[Certificate.from_pem(pem) for pem in options.certificates],
                lifetime_s=options.token_lifetime_s,
                roles=options.roles,
                graph_roles=options.graph_roles,
            ),
            self.faults,
        )
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._directory = Path()
        self.arrivals: Arrivals
        self.exchange: Exchange
        self._doors: dict[str, Door] = {}
        self._settings: CloudSettings | None = None

    @property
    def settings(self) -> CloudSettings:
        """How to reach the cloud; raise RuntimeError before `start`."""
        if self._settings is None:
            raise RuntimeError("the cloud is not running: its settings are known after start()")
        return self._settings

    async def start(self) -> None:
        """Make keys and certificates, open all doors; raise OSError when a port is taken."""
        self._directory = self._make_directory()
        tls = self._certify()
        self.arrivals = Arrivals(self._arrived_directory())
        self.exchange = self._make_exchange(tls)
        self._doors = self._make_doors(tls)
        try:
            for door in self._doors.values():
                await door.open()
        except BaseException:
            await self.stop()
            raise
        self._settings = self._announce()
        self.entra.base = f"https://{self.options.name}:{self._doors['entra'].port}"
        if self.options.mishaps:
            self.faults.add(Fault(stage="mail", action="reply", probability=self.options.mishaps))

    async def stop(self) -> None:
        """Close all doors, cut what is connected, remove temporary files. May be called twice."""
        self.faults.clear()
        for door in self._doors.values():
            await door.close()
        self._doors = {}
        self._settings = None
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # what may be done to it while it runs

    async def entra_down(self) -> None:
        """Entra stops listening; connections are refused."""
        await self._doors["entra"].shut()

    async def entra_up(self) -> None:
        """Entra listens again, on the same port."""
        await self._doors["entra"].open()

    async def exchange_down(self) -> None:
        """Exchange stops listening and resets every session."""
        await self._doors["exchange"].shut()

    async def exchange_up(self) -> None:
        """Exchange listens again, on the same port."""
        await self._doors["exchange"].open()

    def set_secret(self, state: str, name: str = "") -> None:
        """Make a client secret (the first, or the one of that id) `valid`, `refused` or `expired`."""
        if state not in SECRET_STATES:
            raise ValueError(f"secret is one of {', '.join(SECRET_STATES)}, not {state!r}")
        self.entra.registration.secret(name).state = state

    def add_secret(self, value: str = "", *, state: str = "valid", days: float = 180) -> Secret:
        """Add a client secret beside those there are; it ends in so many days."""
        secret = Secret.fresh(value, state=state, days=days)
        self.entra.registration.secrets.append(secret)
        return secret

    def add_certificate(self, pem: str | bytes) -> Certificate:
        """Register a certificate (PEM) for client assertions; raise ValueError when it is none with an RSA key."""
        certificate = Certificate.from_pem(pem)
        self.entra.registration.certificates.append(certificate)
        return certificate

    def add_federated(self, issuer: str, subject: str, key: Any, *, audience: str = EXCHANGE_TOKENS) -> Federated:
        """Believe tokens of an issuer for a subject; `key` is its public RSA key as PEM, JWK or object."""
        credential = Federated.of(issuer, subject, key, audience=audience)
        self.entra.registration.federated.append(credential)
        return credential

    def remove_credential(self, name: str) -> bool:
        """Take a secret or certificate away by its id; False when there is none."""
        app = self.entra.registration
        before = len(app.secrets) + len(app.certificates)
        app.secrets = [one for one in app.secrets if one.id != name]
        app.certificates = [one for one in app.certificates if one.id != name]
        return len(app.secrets) + len(app.certificates) < before

    def revoke_mailbox(self, mailbox: str) -> None:
        """Take away the application's permission for a mailbox: 535 5.7.3 from now on."""
        self.exchange.revoked.add(mailbox.lower())

    def grant_mailbox(self, mailbox: str) -> None:
        """Give the permission (back); a mailbox that did not exist does now."""
        self.exchange.revoked.discard(mailbox.lower())
        self.exchange.mailboxes.add(mailbox.lower())

    def grant_send_as(self, mailbox: str, address: str) -> None:
        """Let a mailbox send as another address."""
        self.exchange.send_as.setdefault(mailbox.lower(), set()).add(address.lower())

    def switches(self) -> dict[str, Any]:
        """The state of everything that can be switched."""
        return {
            "entra": "up" if self._doors["entra"].is_open else "down",
            "exchange": "up" if self._doors["exchange"].is_open else "down",
            "secret": self.entra.registration.secret().state,
            "revoked": sorted(self.exchange.revoked),
        }

    async def switch(self, wanted: Mapping[str, Any]) -> None:
        """Bring switches into the state given; raise ValueError for a name or state that does not exist."""
        if unknown := sorted(set(wanted) - set(self.switches())):
            raise ValueError(f"no switch {', '.join(unknown)}; there are {', '.join(self.switches())}")
        for name in ("entra", "exchange"):
            if name in wanted:
                await self._switch_door(name, str(wanted[name]))
        if "secret" in wanted:
            self.set_secret(wanted["secret"])
        if "revoked" in wanted:
            self.exchange.revoked = {str(mailbox).lower() for mailbox in wanted["revoked"]}

    def stats(self) -> dict[str, Any]:
        """Counters since the start."""
        return {
            "messages": len(self.arrivals),
            "tokens": self.entra.issued,
            "entra_requests": len(self.entra.requests),
            "sessions": self.exchange.sessions,
            "sign_ins": self.exchange.sign_ins,
            "refused_sign_ins": self.exchange.refusals[-50:],
            "faults_hit": len(self.faults.hits),
            "open_sessions": {name: self.exchange.limits.open_sessions(name) for name in self.settings.mailboxes},
        }

    # building

    def _make_directory(self) -> Path:
        if self.options.directory is not None:
            self.options.directory.mkdir(parents=True, exist_ok=True)
            return self.options.directory.resolve()
        self._temporary = tempfile.TemporaryDirectory(prefix="relay-sandbox-")
        return Path(self._temporary.name).resolve()

    def _certify(self) -> ssl.SSLContext:
        names = dict.fromkeys((self.options.name, "localhost", "127.0.0.1", self.options.host))
        secret = self._directory / "client-secret"
        secret.touch(mode=0o600)
        secret.write_text(self.entra.registration.secret().value + "\n")
        return certificates.issue(self._directory, tuple(names))

    def _arrived_directory(self) -> Path | None:
        if not self.options.keep_files:
            return None
        arrived = self._directory / "arrived"
        arrived.mkdir(exist_ok=True)
        return arrived

    def _make_exchange(self, tls: ssl.SSLContext) -> Exchange:
        options = self.options
        exchange = Exchange(
            entra=self.entra,
            arrivals=self.arrivals,
            faults=self.faults,
            limits=Limits(
                sessions=options.sessions_per_mailbox,
                per_minute=options.messages_per_minute,
                recipients_per_day=options.recipients_per_day,
            ),
            policy=_with_switches(options),
        )
        exchange.tls = tls
        exchange.directory = self._directory / "large"
        exchange.directory.mkdir(exist_ok=True)
        exchange.mailboxes = {mailbox.lower() for mailbox in options.mailboxes}
        for mailbox, addresses in options.send_as.items():
            for address in addresses:
                exchange.send_as.setdefault(mailbox.lower(), set()).add(address.lower())
        return exchange

    def _make_doors(self, tls: ssl.SSLContext) -> dict[str, Door]:
        options, management = self.options, Management(self)

        async def entra(wire: Wire) -> None:
            await httpd.serve(wire, self.entra.answer)

        async def exchange(wire: Wire) -> None:
            await Session(wire, self.exchange).run()

        async def manage(wire: Wire) -> None:
            await httpd.serve(wire, management.answer)

        return {
            "entra": Door(entra, host=options.host, port=options.entra_port, tls=tls),
            "exchange": Door(exchange, host=options.host, port=options.smtp_port, latency=options.reply_delay_s),
            "management": Door(manage, host=options.host, port=options.management_port),
        }

    def _announce(self) -> CloudSettings:
        options, app = self.options, self.entra.registration
        return CloudSettings(
            authority=f"https://{options.name}:{self._doors['entra'].port}/{app.tenant}",
            tenant=app.tenant,
            client_id=app.client_id,
            client_secret=app.secret().value,
            scope=f"{OUTLOOK}/.default",
            smtp_host=options.name,
            smtp_port=self._doors["exchange"].port,
            ca_file=self._directory / "ca.pem",
            secret_file=self._directory / "client-secret",
            mailboxes=options.mailboxes,
            management_url=f"http://{options.host}:{self._doors['management'].port}",
            directory=self._directory,
        )

    async def _switch_door(self, name: str, state: str) -> None:
        if state not in ("up", "down"):
            raise ValueError(f"{name} is up or down, not {state!r}")
        door = self._doors[name]
        await (door.open() if state == "up" else door.shut())


def _with_switches(options: CloudOptions) -> Policy:
    policy = options.policy
    return replace(
        policy,
        chunking=policy.chunking and options.chunking,
        pipelining=policy.pipelining and options.pipelining,
    )
