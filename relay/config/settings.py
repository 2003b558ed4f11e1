"""Every option of the relay, once; the field texts are the manual: example, schema and reference are printed from here.

The models are pure values: nothing is read or looked up here. `relay.config.loader` reads files, `relay.config.secret`
reads secrets. Times are in seconds, sizes in bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from relay.config.application import App, Resource
from relay.config.clouds import HOSTS, HVE_HOST, Cloud
from relay.config.complaint import option_name
from relay.config.credential import AppCertificate, Credential, Federated
from relay.config.crosscheck import crosscheck
from relay.config.dashboard import EntraSignIn, Http, ProxySignIn, Role
from relay.config.device import Answer, Device, DeviceOptions, DeviceTls, Login, inherited
from relay.config.inbound import Intake, Tls, Unrepairable
from relay.config.listening import Listener, ListenerAuth, ListenerTls, Mechanism, TlsFloor
from relay.config.network import Network
from relay.config.outbound import (
    AddressFamily,
    ConnectorOptions,
    Delivery,
    Endpoint,
    FromPolicy,
    GraphOptions,
    MailboxLimits,
    Outgoing,
    Profile,
    SendAs,
    SignIn,
    TokenStore,
    TooBig,
    TransportKind,
    Uncertain,
    Unlisted,
)
from relay.config.secret import SecretError, SecretRef
from relay.config.section import Mail, Name, Section
from relay.config.telling import (
    Alert,
    Channel,
    Log,
    LogFormat,
    LogLevel,
    LogRecipients,
    Notices,
    Notifications,
    Told,
)

__all__ = [
    "AddressFamily",
    "Alert",
    "Answer",
    "App",
    "AppCertificate",
    "Channel",
    "Cloud",
    "ConnectorOptions",
    "Credential",
    "Delivery",
    "Device",
    "DeviceOptions",
    "DeviceTls",
    "Encryption",
    "Endpoint",
    "EntraSignIn",
    "Federated",
    "FromPolicy",
    "GraphOptions",
    "Http",
    "Intake",
    "Listener",
    "ListenerAuth",
    "ListenerTls",
    "Log",
    "LogFormat",
    "LogLevel",
    "LogRecipients",
    "Login",
    "MailboxLimits",
    "Mechanism",
    "Network",
    "Notices",
    "Notifications",
    "Outgoing",
    "Profile",
    "ProxySignIn",
    "Resource",
    "Role",
    "SecretError",
    "SecretRef",
    "SendAs",
    "Settings",
    "SignIn",
    "Spool",
    "Tls",
    "TlsFloor",
    "TokenStore",
    "Told",
    "TooBig",
    "TransportKind",
    "Uncertain",
    "Unlisted",
    "Unrepairable",
]


class Encryption(Section):
    """The content of mail at rest, sealed (AES-256-GCM); envelopes, states and answers stay readable."""

    key: SecretRef | None = Field(
        default=None,
        description="The key that seals new mail (`relay queue new-key` prints one); none: mail is kept as it is.",
        examples=[{"credential": "spool-key"}],
    )
    old_keys: tuple[SecretRef, ...] = Field(
        default=(),
        description="Earlier keys, as long as mail sealed with them waits.",
        examples=[[{"file": "/etc/relay/old-key"}]],
    )


class Spool(Section):
    """The durable store of messages between acceptance and outcome."""

    inline_max: int = Field(
        default=65_536,
        ge=0,
        description="Bodies up to this many bytes are kept in the database, larger ones in a file.",
    )
    min_free_bytes: int = Field(
        default=268_435_456,
        ge=0,
        description="Free bytes on the disk below which no new mail is taken, until a tenth more is free.",
    )
    max_bytes: int = Field(
        default=0,
        ge=0,
        description="Most bytes of mail in the spool; above it no new mail is taken until a tenth of it is gone. 0: no "
        "limit but the disk.",
    )
    encryption: Encryption = Field(default=Encryption(), description="Whether mail at rest is encrypted.")
    keep_delivered_days: int = Field(
        default=7, ge=0, le=36_500, description="Days the record of a delivered message is kept."
    )
    keep_failed_days: int = Field(
        default=30, ge=0, le=36_500, description="Days a failed message is kept whole, and can be sent again."
    )


class Settings(Section):
    """The whole configuration."""

    data_dir: Path = Field(
        default=Path("/var/lib/relay"),
        description="Directory of the spool and of keys made by the relay; a relative one: below where a command runs.",
    )
    hostname: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9.-]*$",
        description="Name the relay greets with; empty: the machine's name.",
        examples=["relay.contoso.com"],
    )
    listeners: tuple[Listener, ...] = Field(min_length=1, description="Where devices hand in mail.")
    tls: Tls = Field(
        default=Tls(),
        description="The relay's own certificate, shown to devices; "
        "without one, a self-signed one is made and kept in data_dir.",
    )
    apps: dict[Name, App] = Field(
        min_length=1,
        description="App registrations in Entra ID, by a name of your choice; "
        "each may send as the mailboxes of its profiles.",
    )
    profiles: dict[Name, Profile] = Field(
        min_length=1, description="Sender profiles, by a name of your choice: how mail leaves, and as whom."
    )
    devices: dict[Name, Device] = Field(
        default_factory=dict,
        description="Devices that may hand in mail, by a name of your choice; all others are refused.",
    )
    defaults: DeviceOptions = Field(
        default=DeviceOptions(), description="What holds for every device that does not set the option itself."
    )
    outgoing: Outgoing = Field(default=Outgoing(), description="How the relay reaches Microsoft.")
    token_store: TokenStore = Field(
        default=TokenStore(), description="Where refresh tokens of delegated profiles are kept, encrypted."
    )
    limits: MailboxLimits = Field(
        default=MailboxLimits(),
        description="How much each mailbox sends; Exchange turns away what is above its own limits.",
    )
    mailboxes: dict[Mail, MailboxLimits] = Field(
        default_factory=dict,
        description="Limits of single mailboxes, by address; what is not set follows limits.",
        examples=[{"scanner@contoso.com": {"sessions": 3}}],
    )
    intake: Intake = Field(default=Intake(), description="What devices may hand in, and how long they may take.")
    spool: Spool = Field(default=Spool(), description="The store on disk that keeps mail until it has arrived.")
    delivery: Delivery = Field(default=Delivery(), description="When to try, try again and give up.")
    notices: Notices = Field(default=Notices(), description="Mail about mail that could not be delivered, or is late.")
    notifications: Notifications = Field(
        default=Notifications(), description="Word by other ways than mail: a webhook, a chat, a pager."
    )
    http: Http = Field(default=Http(), description="The dashboard, its API, probes and metrics.")
    log: Log = Field(default=Log(), description="What is logged, and how.")

    @model_validator(mode="before")
    @classmethod
    def _devices_inherit(cls, value: Any) -> Any:
        return inherited(value)

    @model_validator(mode="after")
    def _sections_agree(self) -> Settings:
        findings = crosscheck(self.model_dump(mode="json", by_alias=True))
        if findings:
            text = "; ".join(f"{option_name(finding.path)}: {finding.what}" for finding in findings)
            raise PydanticCustomError("crosscheck", "{text}", {"text": text})
        return self

    def endpoint_of(self, profile_name: str, kind: TransportKind | None = None) -> Endpoint:
        """Where a profile submits by SMTP or High Volume Email, with the service's own host filled in.

        `kind` is the profile's transport where it is not given. The endpoint it names overrides that one, and the
        fallback only where the profile's own transport does not use it. Raises KeyError for an unknown profile.
        """
        profile = self.profiles[profile_name]
        kind = kind or profile.transport
        own = HVE_HOST if kind is TransportKind.HVE else HOSTS[self.apps[profile.app].cloud].smtp
        both = {profile.transport, kind} == {TransportKind.SMTP, TransportKind.HVE}
        host = own if both else profile.endpoint.host or own
        return profile.endpoint.model_copy(update={"host": host})

    def graph_url_of(self, profile_name: str) -> str:
        """The address of Microsoft Graph for a profile, its version included. Raises KeyError for an unknown one."""
        profile = self.profiles[profile_name]
        return profile.graph.url.rstrip("/") or f"https://{HOSTS[self.apps[profile.app].cloud].graph}/v1.0"

    def scope_of(self, profile_name: str, resource: Resource) -> str:
        """The scope of a profile's tokens for that service. Raises KeyError for an unknown profile."""
        profile = self.profiles[profile_name]
        delegated = profile.sign_in is SignIn.DELEGATED
        return self.apps[profile.app].scope_for(
            resource, delegated=delegated, as_others=self._sends_as_others(profile_name)
        )

    def _sends_as_others(self, profile_name: str) -> bool:
        """Whether From may be another address than the mailbox, by the profile or by one of its devices."""
        policies = {self.profiles[profile_name].from_policy}
        policies |= {
            device.from_policy for device in self.devices.values()
            if device.profile == profile_name and device.from_policy is not None
        }  # fmt: skip
        return bool(policies & {FromPolicy.KEEP, FromPolicy.SEND_AS})

    def limits_of(self, mailbox: str) -> MailboxLimits:
        """The limits of one mailbox: its own where set, else those of all; addresses compare without regard to case."""
        own = next((item for name, item in self.mailboxes.items() if name.lower() == mailbox.lower()), None)
        if own is None:
            return self.limits
        return self.limits.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})
