"""The ways to log in, one door: first who somebody claims to be, then, if he may try at all, the proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.config.settings import Mechanism
from relay.smtpd import cram, login

if TYPE_CHECKING:
    from relay.policy.routing import Known
    from relay.smtpd.desk import House
    from relay.smtpd.login import Ask

Proof = str | cram.Response


async def claimed(mechanism: str, initial: str | None, ask: Ask, hostname: str) -> tuple[str, Proof]:
    """The user name, and a password or what was made of it. Raises `AuthRefused`."""
    if mechanism == Mechanism.CRAM_MD5:
        response = await cram.respond(hostname, ask)
        return response.username, response
    return await login.credentials(mechanism, initial, ask)


async def proved(house: House, username: str, proof: Proof, client: str) -> Known:
    """The device that signs in so, from there. Raises `AuthRefused`."""
    if isinstance(proof, cram.Response):
        return cram.identify(house.rules.directory, proof, client)
    return await login.identify(house, username, proof, client)
