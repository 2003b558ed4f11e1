"""The SMTP state of one session without its socket: commands in, replies out (RFC 5321 §4.1.4, order of commands).

What needs to wait (AUTH, STARTTLS, DATA) is done by `session`; who may do what is decided by `relay.policy.admission`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from relay.message.address import Address, AddressError
from relay.message.command import mail_from, rcpt_to
from relay.message.reply import Reply
from relay.policy import admission
from relay.smtpd.minutes import Minutes
from relay.spool.store import SpoolFull

if TYPE_CHECKING:
    from relay.policy.routing import Known
    from relay.smtpd.desk import Desk

_OK = Reply(250, "2.0.0", "Ok")
_SENDER_OK = Reply(250, "2.1.0", "Ok")
_RECIPIENT_OK = Reply(250, "2.1.5", "Ok")
_MAIL_FIRST = Reply(503, "5.5.1", "MAIL FROM comes first")
_RCPT_FIRST = Reply(503, "5.5.1", "RCPT TO comes first")
_NO_RECIPIENTS = Reply(554, "5.5.1", "No valid recipients")
_UNDER_WAY = Reply(503, "5.5.1", "A message is under way, send RSET to drop it")
_NOT_SUPPORTED = Reply(502, "5.5.1", "Command not supported")
NO_ROOM = Reply(452, "4.3.1", "No room to store mail now, try again later")


class Dialogue:
    """Who speaks, and the envelope as far as it has come."""

    def __init__(self, desk: Desk, client: str, *, tls: str) -> None:
        """`tls` is the version spoken, such as TLSv1.2; empty in clear."""
        self._desk = desk
        self.rules = desk.house.rules  # those in force when MAIL was taken: a reload counts from the next message on
        self.client = client
        self.tls = tls
        self.cipher = ""
        self.minutes = Minutes(f"{client} connected to {desk.listener.listen}{', ' * bool(tls)}{tls}")
        self.helo = ""
        self.extended = False
        self.greeted = False
        self.tried_login = ""
        self.tried_mechanism = ""
        self.login: Known | None = None
        self.known: Known | None = None
        self.full = self.remedy = ""  # why the spool took nothing, and what to do, for the journal
        self.reset()

    def reset(self) -> None:
        """Forgets the envelope, nothing else."""
        self.sender: Address | None = None
        self.recipients: list[Address] = []
        self.refused = 0

    def restart(self, tls: str, cipher: str) -> None:
        """After STARTTLS nothing said in clear counts, but for the name: many devices never greet again."""
        self.login = None
        self.tls, self.cipher = tls, cipher
        self.minutes.remark(f"{tls} from here on")
        self.reset()

    @property
    def encrypted(self) -> bool:
        """Whether the connection is."""
        return bool(self.tls)

    @property
    def mechanism(self) -> str:
        """How the device logged in; empty when it did not."""
        return self.tried_mechanism if self.login else ""

    @property
    def protocol(self) -> str:
        """The `with` word of the Received field (RFC 3848)."""
        if not self.extended:
            return "SMTP"
        return "ESMTP" + ("S" if self.encrypted else "") + ("A" if self.login else "")

    @property
    def quirks(self) -> list[str]:
        """What is odd about the greeting."""
        found = {
            "no greeting": not self.greeted,
            "greets without a name": self.greeted and not self.helo,
            "HELO only": self.greeted and not self.extended,
        }
        return [name for name, holds in found.items() if holds]

    @property
    def limit(self) -> int:
        """The largest message in octets, from whoever speaks."""
        own = self.known.device.max_message_size if self.known else None
        return self._desk.limit if own is None else min(own, self._desk.limit)

    # -- commands

    def hello(self, name: str, *, extended: bool) -> Reply | bytes:
        """HELO or EHLO, with any name or none."""
        if extended and self._desk.listener.helo_only:
            return _NOT_SUPPORTED
        self.reset()
        self.helo = name
        self.extended = extended
        self.greeted = True
        if not extended:
            return self._desk.helo
        self.known = self._who()
        return self._desk.ehlo(encrypted=self.encrypted, limit=self.limit)

    def mail(self, argument: str) -> Reply:
        """MAIL FROM: who sends, how much, and whether there is room."""
        if self.sender is not None:
            return _UNDER_WAY
        try:
            sender, size = mail_from(argument)
        except AddressError as error:
            return Reply(501, "5.1.7", f"Bad sender: {error}")
        self.rules = self._desk.house.rules
        self.known = self._who()
        self.full = self.remedy = ""
        me = self._me()
        refusal = (
            admission.may_send(self._desk.listener, me, size, self.limit)
            or admission.may_be_from(me, sender)
            or self._too_many()
            or self._no_room(size)
        )
        if refusal is None:
            self.sender = sender
        return refusal or _SENDER_OK

    def rcpt(self, argument: str) -> Reply:
        """RCPT TO: one recipient more, if this device may write to it."""
        if self.sender is None:
            return _MAIL_FIRST
        try:
            recipient = rcpt_to(argument)
        except AddressError as error:
            return Reply(501, "5.1.3", f"Bad recipient: {error}")
        limit = self.rules.settings.intake.max_recipients
        refusal = admission.may_write_to(self._me(), recipient, len(self.recipients), limit)
        if refusal is not None:
            self.refused += 1
            return refusal
        if recipient not in self.recipients:
            self.recipients.append(recipient)
        return _RECIPIENT_OK

    def data(self) -> Reply | None:
        """DATA: None when the message may come."""
        if self.sender is None:
            return _MAIL_FIRST
        if not self.recipients:
            return _NO_RECIPIENTS if self.refused else _RCPT_FIRST
        return None

    def simple(self, verb: bytes) -> Reply | None:
        """RSET, NOOP, and what is refused on purpose: VRFY and EXPN give addresses away. None: no such command."""
        if verb == b"RSET":
            self.reset()
        if verb in (b"RSET", b"NOOP"):
            return _OK
        return _NOT_SUPPORTED if verb in (b"VRFY", b"EXPN", b"HELP") else None

    def may_log_in(self) -> Reply | None:
        """AUTH: None when the dialogue may begin."""
        if not self._desk.offers_auth(encrypted=self.encrypted):
            return admission.must_encrypt(self._desk.listener, self._me()) or Reply(
                503, "5.5.1", "Authentication is not offered here"
            )
        if self.login is not None:
            return Reply(503, "5.5.1", "Already authenticated")
        return _UNDER_WAY if self.sender is not None else None

    # -- inside

    def _who(self) -> Known | None:
        """Asked for each message, so that a reload counts on connections that stay open."""
        directory = self._desk.house.rules.directory
        if self.login is not None and self.login.device.login is not None:
            self.login = directory.by_login(self.login.device.login.username, self.client)
            return self.login
        return directory.by_address(self.client) if self._desk.knows_addresses else None

    def _me(self) -> admission.Client:
        return admission.Client(self.client, self.encrypted, self.known)

    def _too_many(self) -> Reply | None:
        """Asked again, and counted, when the message has come: see `handover`."""
        if self.known is None:
            return None
        wait = self._desk.house.hours.wait_s(self.known.name, self.known.device.messages_per_hour, time.monotonic())
        return admission.too_many(self.known, wait) if wait else None

    def _no_room(self, size: int | None) -> Reply | None:
        try:
            self._desk.house.store.check_room(size or 0)
        except SpoolFull as error:
            self.full, self.remedy = str(error), error.remedy
            return NO_ROOM
        return None
