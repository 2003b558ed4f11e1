"""From the end of data to the answer: headers as the profile orders, the message durable, the journal told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from relay.message.header import HeaderTooLarge
from relay.message.repair import Arrival, missing, received
from relay.message.reply import Reply
from relay.policy.admission import not_listed, too_large
from relay.policy.sender import SenderNotListed, rewrite
from relay.smtpd.dialogue import NO_ROOM
from relay.spool.store import NewMessage, SpoolError, SpoolFull
from relay.telemetry.faults import fault

if TYPE_CHECKING:
    from relay.smtpd.desk import Desk
    from relay.smtpd.dialogue import Dialogue
    from relay.smtpd.intake import Intake
    from relay.spool.store import Draft, Stored

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

    async def run(self) -> Reply:
        """250 only when the message would survive `kill -9` and power loss."""
        started = time.perf_counter()
        if self._intake.too_large:
            return await self._refused(too_large(self._desk.limit), f"message larger than {self._desk.limit_option}")
        try:
            new = self._message(*await self._whole())
            await self._house.store.accept(new)
        except Exception as error:  # noqa: BLE001  (whatever goes wrong, the device must hear "try again")
            return await self._failed(error)
        fault("smtpd.before-250")
        self._house.journal.stored(id=new.id, ms=round((time.perf_counter() - started) * 1000, 1))
        return Reply(250, "2.0.0", f"Ok: queued as {new.id}")

    async def _whole(self) -> tuple[bytes, Stored]:
        if self._intake.failure is not None:
            raise self._intake.failure
        return await self._draft.finish()

    def _message(self, head: bytes, body: Stored) -> NewMessage:
        dialogue = self._dialogue
        known, sender = dialogue.known, dialogue.sender
        assert known is not None
        assert sender is not None
        profile = self._house.rules.settings.profiles[known.device.profile]
        arrival = Arrival(
            id=self._draft.id, at=time.time(), client=dialogue.client, helo=dialogue.helo,
            hostname=self._house.hostname, protocol=dialogue.protocol,
        )  # fmt: skip
        policy = known.device.from_policy or profile.from_policy
        rewritten = rewrite(head, sender, policy=policy, profile=profile)
        added, repairs = missing(rewritten.section, arrival)
        if self._intake.content.repaired_line_ends:
            repairs += ("line-ends",)
        new = NewMessage(
            id=self._draft.id, device=known.name, profile=known.device.profile, mailbox=profile.mailbox,
            sender=rewritten.sender, recipients=tuple(dialogue.recipients), client=dialogue.client,
            head=received(arrival) + added + rewritten.section + b"\r\n", body=body, eight_bit=self._intake.eight_bit,
        )  # fmt: skip
        self._journal_received(new, repairs + rewritten.changes)
        return new

    def _journal_received(self, new: NewMessage, changes: tuple[str, ...]) -> None:
        self._house.journal.received(
            id=new.id, device=new.device, profile=new.profile, listener=self._desk.listener.listen,
            client=new.client, helo=self._dialogue.helo, sender=self._dialogue.sender, sends_as=new.sender,
            recipients=len(new.recipients), size=self._intake.size, changes=list(changes),
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
        )  # fmt: skip
        return reply

    def _not_listed(self, address: str) -> Reply:
        assert self._dialogue.known is not None
        return not_listed(self._dialogue.known.device.profile, address)

    async def _refused(self, reply: Reply, reason: str) -> Reply:
        await self._draft.discard()
        self._house.journal.client_refused(
            client=self._dialogue.client, device=self._device, reply=str(reply), reason=reason
        )
        return reply

    @property
    def _device(self) -> str:
        return self._dialogue.known.name if self._dialogue.known else ""
