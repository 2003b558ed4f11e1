"""The transports of the configured profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relay.config.settings import SignIn, TransportKind
from relay.transport.connector import ConnectorTransport
from relay.transport.dial import Family, Network
from relay.transport.hve import HveTransport
from relay.transport.smtp import ExchangeTransport
from relay.transport.trust import Identity

if TYPE_CHECKING:
    from relay.config.settings import Profile, Settings
    from relay.transport.graph import GraphTransport
    from relay.transport.transport import Transport
    from relay.upstream.sources import Sources


class Transports:
    """Builds transports; `hostname` is what the relay calls itself."""

    def __init__(self, sources: Sources, hostname: str) -> None:
        self._sources = sources
        self._hostname = hostname

    def of(self, settings: Settings, profile_name: str, kind: TransportKind) -> Transport:
        """A profile's way upstream of that kind."""
        match kind:
            case TransportKind.SMTP:
                return self._exchange(settings, profile_name, kind)
            case TransportKind.HVE:
                domains = settings.profiles[profile_name].internal_domains
                return HveTransport(exchange=self._exchange(settings, profile_name, kind), internal_domains=domains)
            case TransportKind.CONNECTOR:
                return self._connector(settings, profile_name)
            case TransportKind.GRAPH:
                return self._graph(settings, profile_name)

    def _exchange(self, settings: Settings, profile_name: str, kind: TransportKind) -> ExchangeTransport:
        profile, endpoint = settings.profiles[profile_name], settings.endpoint_of(profile_name, kind)
        return ExchangeTransport(
            host=endpoint.host, port=endpoint.port, ca_file=endpoint.ca_file, mailbox=profile.mailbox,
            tokens=self._sources.of(settings, profile_name, kind), **self._manner(settings, profile),
        )  # fmt: skip

    def _connector(self, settings: Settings, profile_name: str) -> ConnectorTransport:
        profile = settings.profiles[profile_name]
        at = profile.connector
        return ConnectorTransport(
            host=at.host, port=at.port, ca_file=at.ca_file, identity=_identity(profile),
            **self._manner(settings, profile),
        )  # fmt: skip

    def _graph(self, settings: Settings, profile_name: str) -> GraphTransport:
        from relay.transport.graph import GraphTransport  # HTTP, only where a profile leaves by it

        profile = settings.profiles[profile_name]
        user = None if profile.sign_in is SignIn.DELEGATED else profile.upn or profile.mailbox
        return GraphTransport(
            url=settings.graph_url_of(profile_name), user=user, ca_file=profile.graph.ca_file,
            tokens=self._sources.of(settings, profile_name, TransportKind.GRAPH), network=_network(settings),
            proxy=settings.outgoing.https_proxy, connect_timeout_s=settings.delivery.connect_timeout_s,
            reply_timeout_s=settings.delivery.reply_timeout_s, messages_per_session=profile.messages_per_session,
            session_s=profile.session_s,
        )  # fmt: skip

    def _manner(self, settings: Settings, profile: Profile) -> dict[str, Any]:
        """How sessions by SMTP are conducted, whoever the server is."""
        return {
            "local_hostname": self._hostname, "network": _network(settings), "pipelining": profile.pipelining,
            "chunking": profile.chunking, "connect_timeout_s": settings.delivery.connect_timeout_s,
            "reply_timeout_s": settings.delivery.reply_timeout_s,
            "messages_per_session": profile.messages_per_session, "session_s": profile.session_s,
        }  # fmt: skip


def _identity(profile: Profile) -> Identity | None:
    at = profile.connector
    return (
        Identity(at.certificate, at.private_key) if at.certificate is not None and at.private_key is not None else None
    )


def _network(settings: Settings) -> Network:
    at = settings.outgoing
    return Network(at.source_address, Family[at.address_family.name])
