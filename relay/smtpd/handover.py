"""From the end of data to the answer: headers as the profile orders, the message durable, the journal told."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from relay.config.settings import Answer, Unrepairable
from relay.message.header import HeaderTooLarge
from relay.message.repair import Arrival
from relay.message.reply import Reply
from relay.message.subject import hash_of_section
from relay.policy.admission import may_show, not_listed, not_repairable, too_large, too_many
from relay.policy.notices import author_of
from relay.policy.precedence import precedence_of
from relay.policy.refusal import option_of
from relay.policy.sender import SenderNotListed
from relay.smtpd.arriving import arrival, device_side
from relay.smtpd.dialogue import NO_ROOM
from relay.smtpd.heading import heading
from relay.smtpd.patience import answer_to
from relay.spool.store import NewMessage, SpoolError, SpoolFull
from relay.telemetry.faults import fault

if TYPE_CHECKING:
    import asyncio

    from relay.policy.refusal import Refusal
    from relay.policy.routing import Known
    from relay.smtpd.desk import Desk
    from relay.smtpd.dialogue import Dialogue
    from relay.smtpd.intake import Intake
    from relay.spool.store import Draft, Settlement, Whole

_TROUBLE = Reply(451, "4.3.0", "The message could not be stored now, try again later")
_BAD_HEADER = Reply(554, "5.6.0", "The header of the message is too large")

_REMEDIES: dict[type[Exception], str] = {
    SpoolFull: "free room on the disk of {directory}",
    SpoolError: "look at the disk of {directory}: mount options, errors of the kernel",
}
_BUG = "this is a mistake of the relay; the device will try again; report it with this line"


class Handover:
    """Stores one message that has come whole; `run` gives the answer to its end of data."""

    def __init__(self, desk: Desk, dialogue: Dialogue, draft: Draft, intake: Intake) -> None:
        self._desk = desk
        self._house = desk.house
        self._dialogue = dialogue
        self._draft = draft
        self._intake = intake
        self._counted = False
        self._outcome: asyncio.Future[Settlement] | None = None
        self._turned_away = ""  # the message in the spool that the answer refuses

    async def run(self) -> Reply:
        """250 only when the message would survive `kill -9` and power loss."""
        started = time.perf_counter()
        if self._intake.too_large:
            refusal = too_large(self._dialogue.limit, self._dialogue.known, self._desk.listener)
            return await self._refused(refusal, "message larger than allowed")
        try:
            whole = await self._whole()
            refused = self._not_now(whole)
            if refused is not None:
                return await self._refused(refused, "what the message is or says, or one message too many")
            new = self._message(whole)
            self._expect(new)
            await self._house.store.accept(new)
        except Exception as error:  # noqa: BLE001  (whatever goes wrong, the device must hear "try again")
            self._take_back()
            return await self._failed(error)
        fault("smtpd.before-250")
        self._house.journal.stored(
            id=new.id, device=new.device, profile=new.profile, size=self._intake.size,
            ms=round((time.perf_counter() - started) * 1000, 1),
        )  # fmt: skip
        return answer_to(new.id, None) if self._outcome is None else await self._settled(new, self._outcome)

    async def heard(self, *, there: bool) -> None:
        """A device that is still there hears of its refused message by itself, so that nobody gets a notice.

        Should the answer be lost on its way, the device sends again.
        """
        if self._turned_away and there:
            with contextlib.suppress(SpoolError):  # then somebody is told twice
                await self._house.store.notices.told(self._turned_away)

    async def _whole(self) -> Whole:
        if self._intake.failure is not None:
            raise self._intake.failure
        return await self._draft.finish(assumed=self._dialogue.rules.settings.intake.charset)

    def _not_now(self, whole: Whole) -> Refusal | None:
        """The last look, with the whole message there; from here on it counts as one of its device's hour."""
        known = self._known
        refusal = may_show(known, whole.section)
        if refusal is None and whole.left and self._dialogue.rules.settings.intake.unrepairable is Unrepairable.REFUSE:
            refusal = not_repairable(whole.left)
        if refusal is None:
            wait = self._house.hours.take(known.name, known.device.messages_per_hour, time.monotonic())
            refusal = too_many(known, wait) if wait else None
            self._counted = refusal is None and known.device.messages_per_hour is not None
        return refusal

    def _expect(self, new: NewMessage) -> None:
        """Before the message is in the spool, so that no outcome is missed."""
        if self._known.device.answer is Answer.DELIVERED:
            self._outcome = self._house.store.expect(new.id)

    def _take_back(self) -> None:
        """The message was not stored: it does not count, and nobody will tell what became of it."""
        if self._counted:
            self._house.hours.give_back(self._known.name)
        if self._outcome is not None:
            self._outcome.cancel()

    async def _settled(self, new: NewMessage, outcome: asyncio.Future[Settlement]) -> Reply:
        reply = answer_to(new.id, await self._house.patience.settled(outcome, self._known.device.answer_within_s))
        if not reply.positive:
            self._turned_away = new.id
            self._house.journal.client_refused(
                id=new.id, client=new.client, device=new.device, reply=str(reply),
                reason="Exchange refused the message for good, and the device was told", about=new.recipients,
            )  # fmt: skip
        return reply

    def _message(self, whole: Whole) -> NewMessage:
        dialogue, known, settings = self._dialogue, self._known, self._dialogue.rules.settings
        assert dialogue.sender is not None
        came = Arrival(
            id=self._draft.id, at=time.time(), client=dialogue.client, helo=dialogue.helo,
            hostname=self._house.hostname, protocol=dialogue.protocol,
        )  # fmt: skip
        made = heading(whole.section, dialogue.sender, known, came, settings)
        line_ends = ("line-ends",) if self._intake.content.repaired_line_ends else ()
        changes = line_ends + whole.repairs + made.changes
        interactive, size = known.device.answer is Answer.DELIVERED, len(made.section) + whole.body.size
        new = NewMessage(
            id=self._draft.id, device=known.name, profile=known.device.profile,
            precedence=precedence_of(size, interactive=interactive, large_bytes=settings.delivery.large_bytes),
            mailbox=settings.profiles[known.device.profile].mailbox, sender=made.sender,
            recipients=tuple(dialogue.recipients), client=dialogue.client,
            head=made.section, body=whole.body, eight_bit=whole.eight_bit,
            author=author_of(
                whole.section, dialogue.sender, device=known.name, mailboxes=dialogue.rules.mailboxes
            ),
            arrival=arrival(dialogue, self._desk.listener.listen, made, whole, changes),
            transcript=device_side(dialogue, known, self._draft.id), came=whole.came,
            subject_hash=hash_of_section(whole.section),
        )  # fmt: skip
        self._journal_received(new, whole, changes)
        return new

    def _journal_received(self, new: NewMessage, whole: Whole, changes: tuple[str, ...]) -> None:
        self._house.journal.received(
            id=new.id, device=new.device, profile=new.profile, listener=self._desk.listener.listen,
            client=new.client, helo=self._dialogue.helo, tls=self._dialogue.tls,
            cipher=self._dialogue.cipher, mechanism=self._dialogue.mechanism,
            sender=self._dialogue.sender, sends_as=new.sender, recipients=len(new.recipients),
            size=self._intake.size, changes=list(changes), left=list(whole.left) or None, mistake=whole.mistake,
        )  # fmt: skip

    async def _failed(self, error: Exception) -> Reply:
        if isinstance(error, HeaderTooLarge):
            return await self._refused(_BAD_HEADER, str(error))
        if isinstance(error, SenderNotListed):
            return await self._refused(self._not_listed(error.address), str(error))
        await self._draft.discard()
        reply = NO_ROOM if isinstance(error, SpoolFull) else _TROUBLE
        self._house.journal.intake_failed(
            client=self._dialogue.client, device=self._device, reply=str(reply), reason=str(error) or repr(error),
            remedy=_REMEDIES.get(type(error), _BUG).format(directory=self._house.store.directory),
            about=tuple(self._dialogue.recipients),
        )  # fmt: skip
        return reply

    def _not_listed(self, address: str) -> Reply:
        assert self._dialogue.known is not None
        return not_listed(self._dialogue.known.device.profile, address)

    @property
    def _known(self) -> Known:
        assert self._dialogue.known is not None
        return self._dialogue.known

    async def _refused(self, reply: Reply, reason: str) -> Reply:
        await self._draft.discard()
        self._house.journal.client_refused(
            client=self._dialogue.client,
            device=self._device,
            reply=str(reply),
            reason=reason,
            option=option_of(reply),
            about=tuple(self._dialogue.recipients),
        )
        return reply

    @property
    def _device(self) -> str:
        return self._dialogue.known.name if self._dialogue.known else ""
