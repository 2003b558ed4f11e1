"""A section that trusts somebody in front of the relay, by address: a load balancer, a reverse proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from relay.config.network import network_of
from relay.config.section import Section, Text

if TYPE_CHECKING:
    from relay.config.network import Network


class Trusting(Section):
    """`trusted` are addresses and networks; a section that inherits it says what they are trusted with."""

    trusted: tuple[Text, ...] = Field(min_length=1, description="Addresses or networks in front of the relay.")

    @field_validator("trusted")
    @classmethod
    def _are_networks(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            network_of(text)
        return texts

    @property
    def networks(self) -> tuple[Network, ...]:
        """The trusted addresses; a single one is a network of one."""
        return tuple(network_of(text) for text in self.trusted)
