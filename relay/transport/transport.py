"""The contract every way upstream keeps.

A `Transport` opens `Session`s; a session takes one `Parcel` after the other. What the other side answered comes back as
a `Receipt`; what kept us from getting an answer comes as `TransportError`. No exception of a library crosses this door.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.message.address import Address
    from relay.message.answer import GraphAnswer
    from relay.message.parcel import Parcel
    from relay.message.reply import Reply


class Stage(StrEnum):
    """The step of a submission that was under way; verdicts and errors name it."""

    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    TOKEN = "token"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The upstream's answers to one parcel.

    `final` is the one that decided: to the body, or, as `final_stage` says, the refusal of MAIL or DATA before it. It
    is None when every recipient was refused; `refused` names each of them with its reply. `transcript` is what was
    said, secrets masked.
    """

    host: str
    final: Reply | None
    final_stage: Stage = Stage.FINAL
    refused: Mapping[Address, Reply] = field(default_factory=dict)
    transcript: str = ""


class TransportError(Exception):
    """A submission that ended without a complete set of answers.

    `reply` is what the other side said by SMTP, `graph` what Graph said, if it said anything. `uncertain` is true when
    the whole body was sent and the final answer is missing: the message may have been delivered. `transcript` is what
    was said until then, secrets masked; whoever holds the connection sets it.
    """

    def __init__(
        self,
        stage: Stage,
        text: str,
        *,
        host: str = "",
        reply: Reply | None = None,
        graph: GraphAnswer | None = None,
        uncertain: bool = False,
    ) -> None:
        super().__init__(text)
        self.stage = stage
        self.text = text
        self.host = host
        self.reply = reply
        self.graph = graph
        self.uncertain = uncertain
        self.transcript = ""


class Session(Protocol):
    """One signed-in connection."""

    async def send(self, parcel: Parcel) -> Receipt:
        """Submits one parcel. Raises `TransportError`; after that, or when `usable` is false, close the session."""
        ...

    @property
    def usable(self) -> bool:
        """Whether another parcel may be sent: connection alive, neither too old nor used too often."""
        ...

    async def close(self) -> None:
        """Says goodbye within a second or drops the connection. Never raises."""
        ...


class Transport(Protocol):
    """A way upstream for one sender profile."""

    async def connect(self) -> Session:
        """Opens and signs in a session. Raises `TransportError`, or `relay.tokens.source.TokenError`."""
        ...
