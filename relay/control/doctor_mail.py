"""The step that really sends: Exchange looks at Send As when a message is complete, and no sooner.

The mail leaves by the profile's transport and not through the spool: what the answer is, is seen here.
"""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING

from relay.control.doctor_step import Failed, of_verdict
from relay.message.address import Address
from relay.message.parcel import Parcel
from relay.policy.verdicts import judge_reply
from relay.transport.transport import Stage
from relay.upstream.facts import facts_of

if TYPE_CHECKING:
    from relay.control.doctor_patient import Patient
    from relay.transport.transport import Receipt

TEXT = """\
This mail was sent by `relay doctor` to see whether profile {profile} can send by transport {kind}.
It left as {sender}. Nobody needs to do anything.
"""


async def send_really(patient: Patient, recipient: str, author: str) -> str:
    """Sends one short mail; the server's words."""
    parcel = _parcel(patient, recipient, author or default_author(patient))
    session = await patient.transport().connect()
    try:
        receipt = await session.send(parcel)
    finally:
        await session.close()
    return _judged(receipt, parcel, patient)


def default_author(patient: Patient) -> str:
    """Whom the profile writes mail as: send_as where it is set, else the mailbox."""
    profile = patient.profile
    return profile.send_as.address if profile.send_as is not None else profile.mailbox


def _parcel(patient: Patient, recipient: str, author: str) -> Parcel:
    letter = EmailMessage(policy=SMTP)
    letter["From"], letter["To"] = author, recipient
    letter["Subject"] = f"Test of profile {patient.name}"
    letter["Date"] = formatdate(localtime=True)
    letter["Message-ID"] = name = make_msgid("doctor", domain=Address(author).domain or "relay.invalid")
    letter.set_content(TEXT.format(profile=patient.name, kind=patient.kind, sender=author))
    head, _, body = letter.as_bytes().partition(b"\r\n\r\n")
    head += b"\r\n\r\n"
    return Parcel(name.strip("<>"), Address(author), (Address(recipient),), head, body, len(body), eight_bit=False)


def _judged(receipt: Receipt, parcel: Parcel, patient: Patient) -> str:
    facts = facts_of(patient.settings, patient.name, patient.kind).about(parcel)
    sender, recipient = parcel.sender, parcel.recipients[0]
    for reply in receipt.refused.values():
        verdict = judge_reply(reply, Stage.RCPT, facts)
        raise of_verdict(f"{recipient} is refused as recipient", str(reply), verdict)
    final = receipt.final
    if final is None:
        raise Failed("the server gave no answer to the message")
    if not final.positive:
        verdict = judge_reply(final, receipt.final_stage, facts)
        raise of_verdict(f"the mail of {sender} is refused", str(final), verdict)
    return f"sent as {sender} to {recipient}, taken by {receipt.host}: {final}"
