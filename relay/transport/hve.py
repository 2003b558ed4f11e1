"""High Volume Email: Exchange's SMTP at a host of its own, for recipients inside the tenant alone.

Which recipients are inside is known when the profile names its domains: the others are then refused here, each with a
reply of its own, and nobody uploads mail to be told so. Without, Exchange's answer decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from relay.message.address import ascii_domain
from relay.message.reply import Reply
from relay.transport.transport import Receipt, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.message.address import Address
    from relay.message.parcel import Parcel
    from relay.transport.dialogue import Target
    from relay.transport.session import ExchangeSession
    from relay.transport.smtp import ExchangeTransport


@dataclass(frozen=True, kw_only=True)
class HveTransport:
    """The `Transport` of one sender profile; no `internal_domains`: nobody is refused here."""

    exchange: ExchangeTransport
    internal_domains: tuple[str, ...] = ()

    @property
    def target(self) -> Target:
        return self.exchange.target

    async def connect(self) -> HveSession:
        """Opens and signs in a session. Raises `TransportError`, or `relay.tokens.source.TokenError`."""
        return HveSession(await self.exchange.connect(), self)

    def outside(self, parcel: Parcel) -> Mapping[Address, Reply]:
        """The recipients that High Volume Email does not deliver to, each with its refusal."""
        inside = {ascii_domain(domain) for domain in self.internal_domains}
        if not inside:
            return {}
        return {
            address: _external(address.domain)
            for address in parcel.recipients
            if ascii_domain(address.domain) not in inside
        }


class HveSession:
    """The `Session` of `HveTransport`."""

    def __init__(self, exchange: ExchangeSession, transport: HveTransport) -> None:
        self._exchange = exchange
        self._transport = transport

    @property
    def usable(self) -> bool:
        return self._exchange.usable

    async def send(self, parcel: Parcel) -> Receipt:
        """Submits one parcel to those inside. Raises `TransportError`."""
        outside = self._transport.outside(parcel)
        inside = tuple(address for address in parcel.recipients if address not in outside)
        if not inside:
            return Receipt(self._transport.exchange.host, None, Stage.RCPT, outside)
        receipt = await self._exchange.send(replace(parcel, recipients=inside))
        return replace(receipt, refused={**outside, **receipt.refused})

    async def close(self) -> None:
        await self._exchange.close()


def _external(domain: str) -> Reply:
    text = f"this relay: High Volume Email delivers to internal recipients only; {domain} is not in internal_domains"
    return Reply(550, "5.7.1", text)
