"""The steps of an examination that speak SMTP: name, connection, greeting, encryption, sign-in, limits.

The steps are those delivery takes (`relay.transport.dialogue`), one at a time; nothing is submitted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from relay.control import doctor_wire
from relay.control.doctor_patient import Accepted
from relay.control.doctor_step import Failed, Skipped
from relay.transport.dialogue import Dialogue
from relay.transport.transport import Stage, TransportError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.control.doctor_patient import Patient
    from relay.control.doctor_step import Chart
    from relay.message.reply import Reply
    from relay.transport.dialogue import Target


class SmtpExam:
    """One connection to a submission server, step by step."""

    needs_token = True

    def __init__(self, patient: Patient, target: Target) -> None:
        self._patient = patient
        self._target = target
        self._dialogue = Dialogue(target)
        self.offer: Mapping[str, str] = {}
        self._switch = ""

    async def reach(self, chart: Chart) -> bool:
        """From the name to the encrypted connection; whether that was reached. What cannot be tried is skipped."""
        steps = {"dns": self._name, "tcp": self._connection, "ehlo": self._greeting, "starttls": self._encryption}
        return await chart.walk(steps)

    async def grant(self, token: str) -> str:
        """AUTH XOAUTH2 as the profile's mailbox; the server's words."""
        self.offer = dict(await self._dialogue.ehlo())
        account = self._patient.account
        try:
            reply = await self._dialogue.sign_in(account, token)
        except TransportError as error:
            self._switch = _switch_in(error)
            raise
        self._switch = f"SMTP AUTH is on for {account}"
        return f"{account} signs in: {reply}"

    async def deny(self, canary: str, token: str) -> str:
        """The refusal of a sign-in that must be refused."""
        try:
            reply = await self._sign_in_as(canary, token)
        except TransportError as error:
            if error.stage is not Stage.AUTH or error.reply is None:
                raise
            return _proof(canary, error.reply)
        raise Accepted(str(reply))

    async def limits(self) -> str:
        """What the server announced, what the sign-in showed, and what neither shows."""
        size = self.offer.get("size", "")
        most = self._patient.settings.intake.max_message_size
        if size.isdecimal() and 0 < int(size) < most:
            raise Failed(
                f"Exchange takes {size} bytes, the relay lets devices hand in {most}",
                remedy=f"set intake.max_message_size to {size} at most: who sends more hears it at once",
            )
        ceiling = f"SIZE {size} (the service's ceiling)" if size else "no SIZE announced"
        return f"{ceiling}. {self._switch}. {unseen(self._patient.profile.mailbox)}"

    def close(self) -> None:
        self._dialogue.drop()

    async def _sign_in_as(self, canary: str, token: str) -> Reply:
        dialogue = Dialogue(self._target)
        try:
            await dialogue.connect()
            await dialogue.encrypt()
            return await dialogue.sign_in(canary, token)
        finally:
            dialogue.drop()

    async def _name(self) -> str:
        return await doctor_wire.addresses(self._target.host, self._target.port, self._target.network)

    async def _connection(self) -> str:
        return doctor_wire.ends(await self._dialogue.dial())

    async def _greeting(self) -> str:
        greeting = await self._dialogue.greet()
        self.offer = dict(await self._dialogue.ehlo())
        return f"{greeting}; it offers {_offered(self.offer)}"

    async def _encryption(self) -> str:
        try:
            await self._dialogue.starttls()
        except TransportError as error:
            if "is not trusted" not in error.text:
                raise
            shown = await self._untrusted()
            raise TransportError(
                error.stage, f"{error.text}; it shows a certificate {shown}", host=error.host
            ) from error
        return doctor_wire.encryption(self._dialogue.encryption)

    async def _untrusted(self) -> str:
        """Whose certificate it is that is not trusted: an inspection box gives itself away. Nothing is sent there."""
        dialogue = Dialogue(self._target)
        try:
            await dialogue.connect()
            await dialogue.ehlo()
            await dialogue.starttls(doctor_wire.credulous())
            return doctor_wire.raw_certificate(dialogue.encryption)
        except TransportError as error:
            return f"that could not be looked at: {error.text}"
        finally:
            dialogue.drop()


class ConnectorExam(SmtpExam):
    """The tenant's MX, where a certificate takes the place of a sign-in; which connector takes it only a mail shows."""

    needs_token = False

    async def limits(self) -> str:
        """What the server offers behind the encryption, to whoever showed the certificate."""
        self.offer = dict(await self._dialogue.ehlo())
        return (
            f"SIZE {self.offer.get('size') or 'not announced'}. No token and no sign-in: Exchange knows the relay by "
            "its certificate; whether a connector takes it only a real mail to the outside shows (--send-to)"
        )


def _switch_in(refusal: TransportError) -> str:
    """What a refused sign-in tells of the SMTP AUTH switch, which is looked at behind the token."""
    found = re.search(r"SmtpClientAuthentication is disabled for the (\w+)", refusal.text)
    return f"SMTP AUTH is off for the {found[1].lower()}" if found else "SMTP AUTH: not known, refused before that"


def _proof(canary: str, reply: Reply) -> str:
    """Only a refusal of the identity proves that the permission does not reach this mailbox."""
    if "SmtpClientAuthentication is disabled" in reply.text:
        what = f"not proved: SMTP AUTH is switched off for {canary}, whatever the app may do"
        raise Skipped(what, answer=str(reply), remedy="name a canary for which SMTP AUTH is on")
    if not reply.permanent:
        raise Skipped(f"not proved: {canary} got a passing answer", answer=str(reply), remedy="try again later")
    return f"{canary} is refused: {reply}"


def unseen(mailbox: str) -> str:
    """What nobody can see from outside, and where it is seen."""
    return (
        "Not to be seen from outside: what the mailbox itself may send (MaxSendSize, 35 MB unless changed), its 10 000 "
        "recipients a day, and whether copies fill its Sent Items:  "
        f"Get-Mailbox {mailbox} | Format-List MaxSendSize,RecipientLimits,MessageCopyForSMTPClientSubmissionEnabled"
    )


def _offered(offer: Mapping[str, str]) -> str:
    return ", ".join(f"{name.upper()} {value}".strip() for name, value in offer.items()) or "nothing"
