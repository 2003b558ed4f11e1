"""What becomes of the header of a message on its way in: the From policy, what is missing, what is added.

One place for mail and for whoever asks beforehand what would become of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.message.header import section_of, value
from relay.message.repair import missing, received
from relay.policy.sender import rewrite

if TYPE_CHECKING:
    from relay.config.settings import Settings
    from relay.message.address import Address
    from relay.message.repair import Arrival
    from relay.policy.routing import Known


@dataclass(frozen=True, slots=True)
class Heading:
    """The header section as it will be sent, its empty line included, who sends, what was done, and the Message-ID."""

    section: bytes
    sender: Address
    changes: tuple[str, ...]
    message_id: bytes


def heading(head: bytes, sender: Address, known: Known, arrival: Arrival, settings: Settings) -> Heading:
    """The raw head, as this device's options and its profile make it. Raises `SenderNotListed`."""
    profile = settings.profiles[known.device.profile]
    policy = known.device.from_policy or profile.from_policy
    came = section_of(head)
    rewritten = rewrite(came, sender, policy=policy, profile=profile)
    added, repairs = missing(came, arrival)  # no policy touches what this looks for
    name = value(came, "Message-ID")
    name = value(added, "Message-ID") if name is None else name
    section = received(arrival) + added + rewritten.section + b"\r\n"
    return Heading(section, rewritten.sender, repairs + rewritten.changes, name or b"")
