"""The transports of the configured profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.transport.smtp import ExchangeTransport

if TYPE_CHECKING:
    from relay.config.settings import Settings, TransportKind
    from relay.transport.transport import Transport
    from relay.upstream.sources import Sources


class Transports:
    """Builds transports; `hostname` is what the relay calls itself."""

    def __init__(self, sources: Sources, hostname: str) -> None:
        self._sources = sources
        self._hostname = hostname

    def of(self, settings: Settings, profile_name: str, kind: TransportKind) -> Transport:
        """A profile's way upstream of that kind."""
        profile = settings.profiles[profile_name]
        endpoint = settings.endpoint_of(profile_name)
        return ExchangeTransport(
            host=endpoint.host, port=endpoint.port, ca_file=endpoint.ca_file, mailbox=profile.mailbox,
            tokens=self._sources.of(settings, profile_name, kind), local_hostname=self._hostname,
            pipelining=profile.pipelining, chunking=profile.chunking,
            connect_timeout_s=settings.delivery.connect_timeout_s,
            reply_timeout_s=settings.delivery.reply_timeout_s, messages_per_session=profile.messages_per_session,
            session_s=profile.session_s,
        )  # fmt: skip
