"""One signed-in connection to Exchange that takes one parcel after the other, until it is too old or used up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.message.transcript import shortened
from relay.transport.submission import Submission
from relay.transport.transport import Receipt, Stage, TransportError
from relay.transport.wire import WireError

if TYPE_CHECKING:
    from relay.message.parcel import Parcel
    from relay.transport.commands import Offer
    from relay.transport.wire import Wire

RESTED_AFTER_S = 5.0
GOODBYE_S = 1.0
TOKEN_MARGIN_S = 60.0  # nobody has said what Exchange does to a session whose token ends in the middle of a message


@dataclass(frozen=True, slots=True)
class Wear:
    """How long and how often one connection may be used, and how long it waits for an answer, in seconds.

    `ends_at` is when the token it is signed in with ends (epoch seconds).
    """

    messages: int
    session_s: float
    reply_timeout_s: float
    ends_at: float | None = None


class ExchangeSession:
    """The `Session` of `relay.transport.smtp.ExchangeTransport`."""

    def __init__(self, wire: Wire, offer: Offer, wear: Wear) -> None:
        self._wire = wire
        self._offer = offer
        self._wear = wear
        self._opened_at = self._used_at = time.monotonic()
        self._sent = 0
        self._sound = True
        self._needs_reset = False
        self.before: list[str] = []
        """What was said on a connection before this one, in vain."""

    @property
    def usable(self) -> bool:
        """Whether another parcel may be sent; a server that spoke unasked (421, going down) is not asked again."""
        young = time.monotonic() - self._opened_at < self._wear.session_s and not self._token_ends
        return self._sound and self._wire.alive and not self._wire.unread and young and self._sent < self._wear.messages

    @property
    def _token_ends(self) -> bool:
        return self._wear.ends_at is not None and time.time() > self._wear.ends_at - TOKEN_MARGIN_S

    async def send(self, parcel: Parcel) -> Receipt:
        """Submits one parcel. Raises `TransportError`."""
        self._wire.talk.begins()
        if self._sent:
            self._wire.talk.remark(f"message {self._sent + 1} of this connection")
        try:
            told = await self._submit(parcel)
        except TransportError as error:
            if error.reply is None:
                self._wire.talk.remark(error.text)
            error.transcript = self._transcript()
            raise
        return Receipt(told.host, told.final, told.final_stage, told.refused, self._transcript())

    def _transcript(self) -> str:
        return shortened(self.before + self._wire.talk.printed())

    async def _submit(self, parcel: Parcel) -> Receipt:
        await self._hear_farewell()
        rested = time.monotonic() - self._used_at > RESTED_AFTER_S
        timeout_s, reset = self._wear.reply_timeout_s, self._needs_reset
        submission = Submission(self._wire, self._offer, parcel, timeout_s=timeout_s, reset=reset)
        self._sound = False  # until it ended well: an error or a cancellation leaves answers on the wire
        receipt = await submission.run(rested=rested)
        self._sound = not submission.desynchronised
        self._needs_reset = submission.needs_reset
        self._sent += 1
        self._used_at = time.monotonic()
        return receipt

    async def close(self) -> None:
        """Says goodbye within a second or drops the connection. Never raises."""
        if self._sound and self._wire.alive and not self._wire.unread:
            await self._wire.hang_up(GOODBYE_S)
        else:
            self._wire.abort()

    async def _hear_farewell(self) -> None:
        """What the server said while nobody listened: nothing of the parcel has been sent yet."""
        host = self._offer.host
        if self._wire.unread:
            reply = await self._wire.reply(0)
            raise TransportError(Stage.MAIL, f"{host} ended the idle connection: {reply}", host=host, reply=reply)
        if not self._wire.alive:
            try:
                await self._wire.reply(0)
            except WireError as exc:
                raise TransportError(Stage.MAIL, f"{host}: the idle connection ended: {exc}", host=host) from exc
