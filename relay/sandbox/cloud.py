"""The pretend Microsoft 365: Entra, Exchange Online and Graph on loopback, all keys made at every start.

async with Cloud(CloudOptions()) as cloud:
    ... configure a relay with cloud.settings, let it send ...
    arrived = await cloud.arrivals.wait_for(1)
"""

import ssl
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from relay.sandbox import certificates, httpd, switches
from relay.sandbox.door import Door
from relay.sandbox.entra import Entra
from relay.sandbox.exchange import Exchange, Policy
from relay.sandbox.faults import Fault, Faults
from relay.sandbox.fronts import CONNECTOR, HVE, SUBMISSION, Front
from relay.sandbox.graph import MAX_BODY, Graph
from relay.sandbox.levers import Levers
from relay.sandbox.limits import Limits
from relay.sandbox.mailbox import Arrivals
from relay.sandbox.management import Management
from relay.sandbox.options import CloudOptions, CloudSettings
from relay.sandbox.people import People, User
from relay.sandbox.registration import HVE_ROLE, Certificate, Registration, Secret
from relay.sandbox.scopes import GRAPH, OUTLOOK, OUTLOOK_FOR_PEOPLE, SMTP_SEND
from relay.sandbox.session import Session
from relay.sandbox.wire import Wire

__all__ = ["Cloud", "CloudOptions", "CloudSettings"]


class Cloud(Levers):
    """Starts and stops everything; `faults`, `arrivals`, `entra`, `exchange` and `graph` are open to tests."""

    def __init__(self, options: CloudOptions | None = None) -> None:
        self.options = options = options or CloudOptions()
        self.faults = Faults()
        self.entra = _make_entra(options, self.faults)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._directory = Path()
        self.arrivals: Arrivals
        self.exchange: Exchange
        self.graph: Graph
        self.authority: certificates.Authority
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
        self.graph = Graph(self.entra, self.exchange, self.options.graph)
        self._doors = self._make_doors(tls)
        try:
            for door in self._doors.values():
                await door.open()
        except BaseException:
            await self.stop()
            raise
        self._settings = self._announce()
        self.entra.live_at(f"https://{self.options.name}:{self._doors['entra'].port}")
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

    async def graph_down(self) -> None:
        """Graph stops listening; connections are refused."""
        await self._doors["graph"].shut()

    async def graph_up(self) -> None:
        """Graph listens again, on the same port."""
        await self._doors["graph"].open()

    def switches(self) -> dict[str, Any]:
        """The state of everything that can be switched."""
        return switches.state(self)

    async def switch(self, wanted: Mapping[str, Any]) -> None:
        """Bring switches into the state given; raise ValueError for a name or state that does not exist."""
        await switches.bring(self, wanted)

    async def switch_door(self, name: str, state: str) -> None:
        """Shut a door (`down`: its port refuses connections) or open it again; raise ValueError for another word."""
        if state not in ("up", "down"):
            raise ValueError(f"{name} is up or down, not {state!r}")
        door = self._doors[name]
        await (door.open() if state == "up" else door.shut())

    def doors(self) -> dict[str, bool]:
        """Every service by name, and whether it is up."""
        return {name: door.is_open for name, door in self._doors.items() if name != "management"}

    def stats(self) -> dict[str, Any]:
        """Counters since the start."""
        return {
            "messages": len(self.arrivals),
            "tokens": self.entra.issued,
            "entra_requests": len(self.entra.requests),
            "sessions": self.exchange.sessions,
            "sign_ins": self.exchange.sign_ins,
            "refused_sign_ins": self.exchange.refusals[-50:],
            "graph_requests": len(self.graph.requests),
            "sent_items": dict(self.graph.sent_items),
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
        secret = self._directory / "client-secret"
        secret.touch(mode=0o600)
        secret.write_text(self.entra.registration.secret().value + "\n")
        self.authority = certificates.Authority(self._directory)
        return self.authority.server(self._names())

    def _names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.options.name, "localhost", "127.0.0.1", self.options.host)))

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
        exchange.tls_asking = self.authority.server(self._names(), asks_clients=True)
        exchange.directory = self._directory / "large"
        exchange.directory.mkdir(exist_ok=True)
        exchange.mailboxes = {mailbox.lower() for mailbox in options.mailboxes}
        exchange.hve_accounts = {account.lower() for account in options.hve_accounts}
        exchange.connector_names = {name.lower() for name in options.connector_names}
        exchange.domains = _domains(options)
        for mailbox, addresses in options.send_as.items():
            exchange.let_send_as(mailbox, addresses)
        for person in self.entra.people:
            exchange.welcome(person)
        return exchange

    def _make_doors(self, tls: ssl.SSLContext) -> dict[str, Door]:
        options, management = self.options, Management(self)

        async def entra(wire: Wire) -> None:
            await httpd.serve(wire, self.entra.answer)

        def smtp(front: Front, port: int) -> Door:
            async def serve(wire: Wire) -> None:
                await Session(wire, self.exchange, front).run()

            return Door(serve, host=options.host, port=port, latency=options.reply_delay_s)

        async def graph(wire: Wire) -> None:
            await httpd.serve(wire, self.graph.answer, max_body=MAX_BODY)

        async def manage(wire: Wire) -> None:
            await httpd.serve(wire, management.answer)

        return {
            "entra": Door(entra, host=options.host, port=options.entra_port, tls=tls),
            "exchange": smtp(SUBMISSION, options.smtp_port),
            "hve": smtp(HVE, options.hve_port),
            "connector": smtp(CONNECTOR, options.connector_port),
            "graph": Door(graph, host=options.host, port=options.graph_port, tls=tls),
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
            users=tuple(user.upn for user in self.entra.people),
            hve_host=options.name,
            hve_port=self._doors["hve"].port,
            connector_host=options.name,
            connector_port=self._doors["connector"].port,
            hve_accounts=options.hve_accounts,
            delegated_scope=f"{OUTLOOK_FOR_PEOPLE}/{SMTP_SEND}",
            graph_url=f"https://{options.name}:{self._doors['graph'].port}/v1.0",
            graph_scope=f"{GRAPH}/.default",
        )


def _make_entra(options: CloudOptions, faults: Faults) -> Entra:
    registration = Registration(
        tenant=options.tenant or str(uuid.uuid4()),
        client_id=options.client_id or str(uuid.uuid4()),
        secrets=[Secret.fresh(options.client_secret)],
        certificates=[Certificate.from_pem(pem) for pem in options.certificates],
        lifetime_s=options.token_lifetime_s,
        roles=(*options.roles, *([HVE_ROLE] if options.hve_accounts else [])),
        graph_roles=options.graph_roles,
        redirect_uris=options.redirect_uris,
        public_client=options.public_client,
    )
    entra = Entra(registration, faults, People(User.of(upn, given) for upn, given in options.users.items()))
    entra.authorize.auto_sign_in = options.auto_sign_in
    entra.delegated.interval_s = options.device_interval_s
    return entra


def _with_switches(options: CloudOptions) -> Policy:
    policy = options.policy
    return replace(
        policy,
        chunking=policy.chunking and options.chunking,
        pipelining=policy.pipelining and options.pipelining,
    )


def _domains(options: CloudOptions) -> set[str]:
    addresses = [*options.mailboxes, *options.hve_accounts, *options.users]
    addresses += [str(user["mailbox"]) for user in options.users.values() if "mailbox" in user]
    return {address.rpartition("@")[2].lower() for address in (*addresses, *options.domains)}
