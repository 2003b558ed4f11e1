"""What the configuration says of one mailbox on its way out; a reload puts another plan in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relay.config.settings import Delivery, MailboxLimits
    from relay.policy.verdicts import Facts
    from relay.transport.transport import Transport


@dataclass(frozen=True)
class Way:
    """How one profile's mail leaves: its transport, and the names its verdicts speak of.

    `second` is the fallback: for a first one that is refused for its configuration, and for mail that the first one
    refuses with one of the rules it `takes_over`. `never_takes` are the rules by which this transport refuses mail that
    another one would take.
    """

    transport: Transport
    facts: Facts
    idle_s: float = 60.0
    kind: str = "smtp"
    second: Way | None = None
    takes_over: frozenset[str] = frozenset()
    never_takes: frozenset[str] = frozenset()
    internal: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Plan:
    """The limits of a mailbox, the profiles that share it by name, and the timing of attempts."""

    mailbox: str
    limits: MailboxLimits
    ways: dict[str, Way]
    settings: Delivery

    @property
    def idle_s(self) -> float:
        """How long a connection without work is kept."""
        return max((way.idle_s for way in self.ways.values()), default=0)
