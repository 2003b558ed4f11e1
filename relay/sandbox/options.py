"""What a pretend cloud shall be like, and what a client needs to know of a running one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from relay.sandbox.exchange import Policy
from relay.sandbox.graph_limits import GraphPolicy
from relay.sandbox.registration import SMTP_ROLE


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudOptions:
    """What the pretend cloud is like. Empty texts are made up freshly; 0 for a port means any free one."""

    host: str = "127.0.0.1"
    name: str = "localhost"  # by which clients reach it; the certificate covers it, `host` and 127.0.0.1
    entra_port: int = 0
    smtp_port: int = 0
    graph_port: int = 0
    hve_port: int = 0
    connector_port: int = 0
    management_port: int = 0
    tenant: str = ""
    client_id: str = ""
    client_secret: str = ""
    certificates: tuple[str, ...] = ()  # PEM texts, registered for client assertions
    redirect_uris: tuple[str, ...] = ("http://localhost",)  # on this machine any port will do
    public_client: bool = True  # "Allow public client flows"
    users: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"ann@contoso.test": {}})  # see people.User
    auto_sign_in: str = ""  # who signs in without a page being shown; "hint": whom login_hint names
    device_interval_s: int = 5
    mailboxes: tuple[str, ...] = ("scanner@contoso.test", "erp@contoso.test", "plc@contoso.test")
    hve_accounts: tuple[str, ...] = ()  # with one, tokens for Exchange carry the role Mail.Send too
    connector_names: tuple[str, ...] = ("relay.contoso.test",)  # of client certificates that may relay
    domains: tuple[str, ...] = ()  # the tenant's; those of its mailboxes and people are added
    send_as: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    token_lifetime_s: int = 3600
    roles: tuple[str, ...] = (SMTP_ROLE,)  # empty: as with RBAC for Applications, see Policy.rbac
    graph_roles: tuple[str, ...] = ("Mail.Send",)
    sessions_per_mailbox: int = 3
    messages_per_minute: int = 30  # 0: as many as come
    recipients_per_day: int = 10_000
    policy: Policy = field(default_factory=Policy)
    graph: GraphPolicy = field(default_factory=GraphPolicy)
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
    users: tuple[str, ...] = ()
    delegated_scope: str = ""
    graph_url: str = ""
    graph_scope: str = ""
    hve_host: str = ""
    hve_port: int = 0
    connector_host: str = ""
    connector_port: int = 0
    hve_accounts: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The settings as a JSON object."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}
