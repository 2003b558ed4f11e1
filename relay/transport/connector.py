"""The way through an inbound connector: the tenant's MX on port 25, known to it by our certificate or our address.

Nobody signs in and no token is needed. TLS is required and verified all the same: what leaves here is not public, and
a certificate is shown to nobody whose own is not good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.transport.smtp import SmtpServer

if TYPE_CHECKING:
    from relay.transport.session import ExchangeSession


@dataclass(frozen=True, kw_only=True)
class ConnectorTransport(SmtpServer):
    """The `Transport` of one sender profile."""

    async def connect(self) -> ExchangeSession:
        """Opens a session. Raises `TransportError`."""
        return await self.session()
