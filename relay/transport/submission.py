"""One mail transaction on a signed-in connection: commands and body leave together, answers are read behind them.

A small parcel goes in one flight where the server offers PIPELINING and CHUNKING (MAIL, every RCPT, `BDAT n LAST` and
the body), so that it costs one round trip. A large one, or one on a connection that rested, waits for the answers to
MAIL and RCPT first: nobody uploads 25 MB to be told that the recipient does not exist, and a connection that died in
its sleep is noticed before the message is in doubt.

    MAIL ─► RCPT… ─► (BDAT | DATA ─► 354) ─► body ─► final answer
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.message.transcript import octets
from relay.telemetry.faults import fault
from relay.transport.commands import rcpt
from relay.transport.content import ContentError, open_content
from relay.transport.dots import DotStuffer
from relay.transport.transport import Receipt, Stage, TransportError
from relay.transport.wire import WireError

if TYPE_CHECKING:
    from relay.message.address import Address
    from relay.message.parcel import Parcel
    from relay.message.reply import Reply
    from relay.transport.commands import Offer
    from relay.transport.content import Content
    from relay.transport.wire import Wire

EAGER_SIZE = 64 * 1024


class Submission:
    """One parcel on one wire; used once."""

    def __init__(self, wire: Wire, offer: Offer, parcel: Parcel, *, timeout_s: float, reset: bool) -> None:
        self._wire = wire
        self._offer = offer
        self._parcel = parcel
        self._timeout_s = timeout_s
        self._reset = reset
        self._stage = Stage.MAIL
        self._refused: dict[Address, Reply] = {}
        self._asked: list[Address] = []
        self._mail: Reply | None = None
        self._body_complete = False
        self.needs_reset = False
        """Whether the server still holds this transaction open."""
        self.desynchronised = False
        """Whether the server waits for the rest of a body: the connection can only be dropped."""

    async def run(self, *, rested: bool) -> Receipt:
        """The whole transaction. Raises `TransportError`."""
        try:
            content = await open_content(self._parcel)
        except ContentError as exc:
            raise self._error(f"the stored message cannot be read: {exc}") from exc
        try:
            return await self._converse(content, rested=rested)
        except WireError as exc:
            raise self._error(f"{self._offer.host} at {self._stage.name}: {exc}") from exc
        except (ContentError, OSError) as exc:
            raise self._error(f"the stored message cannot be read: {exc}") from exc
        finally:
            content.close()

    async def _converse(self, content: Content, *, rested: bool) -> Receipt:
        refusal = self._offer.unspeakable(self._parcel.sender)
        if refusal is not None:
            self.needs_reset = self._reset
            return self._receipt(refusal, Stage.MAIL)
        self._choose_recipients()
        if not self._asked:
            self.needs_reset = self._reset
            return self._receipt(None, Stage.RCPT)
        together = self._offer.pipelining and self._offer.chunking and not rested
        if together and content.size <= EAGER_SIZE:
            return await self._in_one_flight(content)
        return await self._step_by_step(content)

    def _choose_recipients(self) -> None:
        for recipient in self._parcel.recipients:
            refusal = self._offer.unspeakable(recipient)
            if refusal is None:
                self._asked.append(recipient)
            else:
                self._refused[recipient] = refusal

    # the small one

    async def _in_one_flight(self, content: Content) -> Receipt:
        flight = [*self._envelope(content), _bdat(content)]
        self._wire.talk.client(*flight, octets(content.size))
        flight.append(await content.whole())
        fault("transport.before-body")
        self._wire.write(b"".join(flight))
        self._body_complete = True
        fault("transport.after-body")
        await self._envelope_answers()
        return await self._final(Stage.FINAL)

    # the large one

    async def _step_by_step(self, content: Content) -> Receipt:
        refusal = await self._send_envelope(content)
        if refusal is not None:
            return refusal
        if self._offer.chunking:
            return await self._send_chunked(content)
        return await self._send_dotted(content)

    async def _send_envelope(self, content: Content) -> Receipt | None:
        """MAIL and RCPT, in one flight if that is allowed; a receipt when that was already the end."""
        commands = self._envelope(content)
        if self._offer.pipelining:
            if not self._offer.chunking:
                commands.append(b"DATA\r\n")
            self._wire.say(*commands)
            await self._envelope_answers()
        else:
            await self._one_at_a_time(commands)
        return await self._nobody_left()

    async def _one_at_a_time(self, commands: list[bytes]) -> None:
        recipients = iter(self._asked)
        for command in commands:
            self._wire.say(command)
            if command.startswith(b"RCPT"):
                await self._rcpt_answer(next(recipients))
            elif command.startswith(b"MAIL"):
                await self._mail_answer()
            else:
                await self._answer()
            if self._mail is not None and not self._mail.positive:
                return

    async def _nobody_left(self) -> Receipt | None:
        if self._accepted:
            return None
        if self._offer.pipelining and not self._offer.chunking:
            await self._take_back_data()
        if self._mail is not None and not self._mail.positive:
            return self._receipt(self._mail, Stage.MAIL)
        self.needs_reset = True
        return self._receipt(None, Stage.RCPT)

    async def _take_back_data(self) -> None:
        """DATA was sent along: a server that says 354 although nobody is left gets an empty message (RFC 2920 §3.1)."""
        if (await self._answer()).code == 354:
            self._wire.write(b".\r\n")
            await self._answer()

    async def _send_chunked(self, content: Content) -> Receipt:
        self._stage = Stage.DATA
        self._wire.say(_bdat(content))
        fault("transport.before-body")
        while piece := await content.chunk():
            if await self._interrupted(piece):
                return await self._early_answer()
        return await self._sent(content)

    async def _send_dotted(self, content: Content) -> Receipt:
        self._stage = Stage.DATA
        if not self._offer.pipelining:
            self._wire.say(b"DATA\r\n")
        go_ahead = await self._answer()
        if go_ahead.code != 354:
            self.needs_reset = True
            return self._receipt(go_ahead, Stage.DATA)
        fault("transport.before-body")
        dots = DotStuffer()
        while piece := await content.chunk():
            if await self._interrupted(dots.stuff(piece)):
                return await self._early_answer()
        self._wire.write(dots.end())
        return await self._sent(content)

    async def _interrupted(self, piece: bytes) -> bool:
        """Writes a piece when there is room; true when the server has answered before the end."""
        await self._wire.room(self._timeout_s)
        if self._wire.unread:
            return True
        self._wire.write(piece)
        return False

    async def _early_answer(self) -> Receipt:
        self.desynchronised = True
        self._wire.talk.remark("an answer before the end of the message")
        reply = await self._answer()
        if reply.positive:
            raise self._error(f"{self._offer.host} answered in the middle of the message: {reply}", reply)
        return self._receipt(reply, Stage.FINAL)

    async def _sent(self, content: Content) -> Receipt:
        self._body_complete = True
        self._wire.talk.client(octets(content.size))
        fault("transport.after-body")
        return await self._final(Stage.FINAL)

    # answers

    @property
    def _accepted(self) -> bool:
        """Whether a recipient is left whom the server has not refused, as far as is known."""
        mail_stands = self._mail is None or self._mail.positive
        return mail_stands and any(recipient not in self._refused for recipient in self._asked)

    def _envelope(self, content: Content) -> list[bytes]:
        mail = self._offer.mail(
            self._parcel.sender,
            size=content.size,
            eight_bit=self._parcel.eight_bit,
            utf8=not all(address.isascii() for address in (self._parcel.sender, *self._asked)),
        )
        return [*([b"RSET\r\n"] if self._reset else []), mail, *map(rcpt, self._asked)]

    async def _envelope_answers(self) -> None:
        if self._reset:
            await self._answer()
        await self._mail_answer()
        for recipient in self._asked:
            await self._rcpt_answer(recipient)

    async def _mail_answer(self) -> None:
        self._mail = await self._answer()
        self._stage = Stage.RCPT

    async def _rcpt_answer(self, recipient: Address) -> None:
        reply = await self._answer()
        if not reply.positive:
            self._refused[recipient] = reply

    async def _final(self, stage: Stage) -> Receipt:
        self._stage = stage
        reply = await self._wire.reply(2 * self._timeout_s)  # RFC 5321 §4.5.3.2.6: twice the patience of a command
        self._body_complete = False  # answered: no doubt left
        self.needs_reset = not reply.positive
        self.desynchronised = reply.code == 421
        if self._mail is not None and not self._mail.positive:
            return self._receipt(self._mail, Stage.MAIL)
        return self._receipt(reply if self._accepted else None, stage)

    async def _answer(self) -> Reply:
        """The next answer; 421 is the end of the connection wherever it comes (RFC 5321 §3.8)."""
        reply = await self._wire.reply(self._timeout_s)
        if reply.code == 421:
            self._body_complete = False  # the server has turned away before it came to the body
            raise self._error(f"{self._offer.host} closed the connection at {self._stage.name}: {reply}", reply)
        return reply

    def _receipt(self, final: Reply | None, stage: Stage) -> Receipt:
        return Receipt(self._offer.host, final, stage, self._refused)

    def _error(self, text: str, reply: Reply | None = None) -> TransportError:
        in_doubt = self._body_complete and self._accepted
        return TransportError(self._stage, text, host=self._offer.host, reply=reply, uncertain=in_doubt)


def _bdat(content: Content) -> bytes:
    return b"BDAT %d LAST\r\n" % content.size
