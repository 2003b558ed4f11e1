"""What one device says and hears, from the greeting to the last word.

Order that must hold: 250 to the end of data leaves only after `Store.accept` returned.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from relay.message.reply import Reply
from relay.message.transcript import octets
from relay.policy.refusal import option_of
from relay.policy.routing import plain_text
from relay.smtpd.ceilings import Pace, Turn
from relay.smtpd.connection import Connection
from relay.smtpd.dialogue import Dialogue
from relay.smtpd.handover import Handover
from relay.smtpd.intake import DeviceGone, Intake
from relay.smtpd.lines import ClientHello, LineTooLong, ProxyHeader
from relay.smtpd.login import AuthRefused
from relay.smtpd.sasl import claimed, proved
from relay.smtpd.tls import HANDSHAKE_S, handshake_remedy, tls_cipher, tls_version

if TYPE_CHECKING:
    from relay.smtpd.connection import Answer
    from relay.smtpd.desk import Desk
    from relay.spool.store import Draft

_GOODBYE_S = 1.0  # for a command that was under way when the relay began to stop
_GO_AHEAD = b"354 End data with <CR><LF>.<CR><LF>\r\n"
_CHALLENGE = b"334 (a challenge)\r\n"
_BYE = Reply(221, "2.0.0", "Bye")
_READY_FOR_TLS = Reply(220, "2.0.0", "Ready to start TLS")
_LOGGED_IN = Reply(235, "2.7.0", "Authentication successful")
_STOPPING = Reply(421, "4.3.2", "The relay is stopping, try again in a minute")
_FAILED = Reply(421, "4.3.0", "The relay made a mistake, see its log; try again later")
_TIMEOUT = Reply(421, "4.4.2", "Timeout, closing")
_NOT_HTTP = Reply(421, "4.7.0", "This is a mail server, closing")
_UNKNOWN = Reply(500, "5.5.2", "Command not recognized")
_LINE_TOO_LONG = Reply(500, "5.5.2", "Line too long")
_NO_TLS = Reply(502, "5.5.1", "STARTTLS is not offered here")
_IMPLICIT_TLS = "device speaks implicit TLS to a plain port"
_PROXY_HEADER = "a PROXY header came from an address that is not trusted"
_NO_PROXY = "a load balancer: add its address to proxy_protocol.trusted of this listener; else somebody pretends"
_NO_SSL = "in the device choose STARTTLS or no encryption, or its port of a listener with tls: implicit"


class Session(Connection):
    """Speaks with one device; `desk` is what it shares with the others, `among` holds it until it is over."""

    def __init__(self, desk: Desk, among: set[Session], client: str = "") -> None:
        """`client` is the device's address where a load balancer told it."""
        super().__init__()
        self._desk = desk
        self._house = desk.house
        self._among = among
        self._client = client
        self._limits = desk.house.rules.settings.intake
        self._turn = Turn(self._limits, self.loop.time())
        self._stopping = self._in_hand = self._counted = False

    # -- from the first word to the last

    def _begin(self) -> None:
        peer = self.transport.get_extra_info("peername")
        client = self._client or (peer[0] if isinstance(peer, tuple) and peer else "local")
        client = plain_text(client)  # 10.0.2.17, whatever socket it came by
        self._dialogue = Dialogue(self._desk, client, tls=tls_version(self.transport))
        self._dialogue.cipher = tls_cipher(self.transport)
        self._house.sessions += 1
        self._among.add(self)  # not before: on an implicit TLS listener a failed handshake never gets here
        self._alarm.set(self._limits.command_timeout_s, self.loop.time())
        self._closing = self._is_turned_away(client)
        if self._closing:
            self._end()
        else:
            self._send(self._desk.greeting)

    def _is_turned_away(self, client: str) -> bool:
        if self._house.stopping:
            self._send(_STOPPING)
            return True
        self._counted = True
        refusal = self._house.crowd.enter(client, self._house.sessions, self._limits)
        if refusal is not None:
            self._send_away(*refusal)
        return refusal is not None

    def _send_away(self, reply: Reply, reason: str) -> None:
        self._send(reply)
        if count := self._house.crowd.to_tell(self.loop.time()):
            self._watched(reply, f"{reason}; {count} sent away since this was last told")

    def _left(self) -> None:
        if self._counted:
            self._house.crowd.leave(self._dialogue.client)
        self._house.sessions -= 1
        self._among.discard(self)

    def _broke(self, error: Exception) -> None:
        if isinstance(error, ClientHello):
            self._stranger(_IMPLICIT_TLS, _NO_SSL)
        elif isinstance(error, ProxyHeader):
            self._stranger(_PROXY_HEADER, _NO_PROXY)
        elif not isinstance(error, OSError):  # then the device left (the disk's errors come as SpoolError)
            dialogue = self._dialogue
            self._house.journal.session_failed(
                client=dialogue.client, reason=repr(error), about=tuple(dialogue.recipients)
            )
            self._send(_FAILED)

    def _stranger(self, reason: str, remedy: str) -> None:
        """Whoever speaks another protocol hears nothing."""
        self._house.journal.client_refused(
            client=self._dialogue.client, listener=self._desk.listener.listen, reason=reason, remedy=remedy
        )
        self._desk.remember(self._dialogue, "", reason)

    def _hears_when_half_closed(self) -> bool:
        return not self._dialogue.encrypted

    def _time_is_up(self) -> None:
        self._leave(_TIMEOUT)

    def _leave(self, reply: Reply) -> None:
        """The last word, in the middle of whatever is under way."""
        self._closing = True
        if self.transport is not None and not self.transport.is_closing():
            self._send(reply)
        self._part()

    def stop(self) -> None:
        """Ends the session now or, when a message is in hand, right after its answer."""
        self._stopping = True
        if not self._in_hand:
            self._say_goodbye()

    def _say_goodbye(self) -> None:
        """421, and a moment for the command that may be under way: closed over it, the connection would be reset, and
        many a device would not see the 421.
        """
        if self.transport is None or self.transport.is_closing():
            return
        self._send(_STOPPING)
        self._gone = True
        if not self._dialogue.encrypted:
            with contextlib.suppress(OSError):  # the device has reset the connection, and the loop does not know yet
                self.transport.write_eof()
        self._stop_clocks()
        self._last_word = self.loop.call_later(_GOODBYE_S, self._part)

    # -- commands

    def _too_long(self) -> Answer:
        return _LINE_TOO_LONG

    def _command(self, line: bytes) -> Answer:
        now = self.loop.time()
        self._alarm.set(self._turn.command_s(now), now)
        dialogue = self._dialogue
        if (refusal := self._turn.command(len(dialogue.recipients))) is not None:
            return self._watched(*refusal)
        line = line.strip()
        verb, _, argument = line.partition(b" ")
        verb = verb.upper()
        dialogue.minutes.heard(verb, line, under_way=dialogue.sender is not None)
        return self._answer(verb, argument.strip().decode("utf-8", "replace"))

    def _answer(self, verb: bytes, argument: str) -> Answer:
        dialogue = self._dialogue
        match verb:
            case b"EHLO" | b"HELO":
                return dialogue.hello(argument, extended=verb == b"EHLO")
            case b"MAIL":
                return self._watched(dialogue.mail(argument), dialogue.full, dialogue.remedy)
            case b"RCPT":
                return self._watched(dialogue.rcpt(argument))
            case b"DATA":
                return dialogue.data() or self._data()
            case b"AUTH":
                return dialogue.may_log_in() or self._wait_for(self._auth(argument))
            case b"STARTTLS":
                return self._starttls()
            case b"QUIT":
                self._closing = True
                return _BYE
            case b"GET" | b"HEAD" | b"POST" | b"PUT" | b"OPTIONS" | b"CONNECT":
                # A web page can make a browser in the LAN post SMTP commands here: nothing behind this line is read.
                self._closing = True
                return self._watched(_NOT_HTTP, "something speaks HTTP to the mail port")
        return dialogue.simple(verb) or _UNKNOWN

    def _watched(self, reply: Reply, reason: str = "", remedy: str = "", *, device: str = "") -> Reply:
        """Refusals of mail go into the journal: the administrator looks there when a device shows an error. `device`
        is whose user name was tried.
        """
        if reply.code >= 400:
            known = self._dialogue.known
            self._house.journal.client_refused(
                client=self._dialogue.client, helo=self._dialogue.helo, device=known.name if known else device,
                reply=str(reply), reason=reason, remedy=remedy, option=option_of(reply),
            )  # fmt: skip
            if known is None and reply.permanent:
                self._desk.remember(self._dialogue, str(reply))
        return reply

    def _say(self, answer: Answer) -> None:
        if answer is not None:
            self._send(answer)
            if isinstance(answer, Reply):
                self._count(answer)
        if self._stopping and not self._closing:
            self._say_goodbye()

    def _send(self, words: Reply | bytes) -> None:
        self._dialogue.minutes.server(words)
        if self.transport is not None and not self._gone:
            self.transport.write(words if isinstance(words, bytes) else words.encode())

    def _count(self, reply: Reply) -> None:
        """421 closes (RFC 5321 §3.8), whoever said it."""
        if (last := self._turn.answered(reply)) is not None:
            self._send(self._watched(*last))
            self._closing = True
        if reply.code == _STOPPING.code:
            self._closing = True

    # -- what has to wait

    def _data(self) -> Answer:
        """Lets the message come."""
        self._in_hand = True
        draft = self._house.store.draft()
        self._pace = Pace(self._limits, self._dialogue.limit, self.loop.time())
        intake = Intake(draft, self._dialogue.limit, self._house.flight, self, self._still_coming)
        self._send(_GO_AHEAD)
        return self._wait_for(self._message(draft, intake))

    async def _message(self, draft: Draft, intake: Intake) -> Reply:
        """Reads the message and stores it; what the client sent behind it stays for the dialogue."""
        try:
            await self._read(intake, draft)
            self._dialogue.minutes.client(octets(intake.size))
            self._alarm.rest()  # from here on it is the disk that takes its time, not the device
            handover = Handover(self._desk, self._dialogue, draft, intake)
            answer = await handover.run()
            await handover.heard(there=self.transport is not None and not self.transport.is_closing())
            if answer.positive:
                self._turn.anew(self.loop.time())
            return answer
        finally:
            self._in_hand = False
            self._dialogue.reset()
            now = self.loop.time()
            self._alarm.set(self._turn.command_s(now), now)

    async def _read(self, intake: Intake, draft: Draft) -> None:
        """Up to the end of data; whatever ends it before leaves nothing on the disk."""
        try:
            self._lines.give_back(await intake.read(self.transport, self._take_lines()))
        except Exception as error:
            await draft.discard()
            if isinstance(error, DeviceGone):
                self._house.journal.session_broken(client=self._dialogue.client, reason=str(error))
            raise

    def _still_coming(self, octets: int) -> None:
        """Octets have come, or, with 0, the disk lets the device go on after it held it back."""
        now = self.loop.time()
        if not octets:
            self._pace.anew(now)
        if (refusal := self._pace.came(octets, now)) is not None:
            self._leave(self._watched(*refusal))
        else:
            self._alarm.set(self._limits.data_timeout_s, now)

    async def _auth(self, argument: str) -> Reply:
        mechanism, _, initial = argument.partition(" ")
        if mechanism.upper() not in self._desk.mechanisms:
            ways = " or ".join(self._desk.mechanisms)
            return Reply(504, "5.5.4", f"Unrecognized authentication type, use {ways}")
        client, username = self._dialogue.client, ""
        try:
            username, proof = await claimed(mechanism.upper(), initial.strip() or None, self._ask, self._house.hostname)
            self._dialogue.tried_login, self._dialogue.tried_mechanism = username, mechanism.upper()
            self._house.guard.check(client, username)
            self._dialogue.login = await proved(self._house, username, proof, client)
        except AuthRefused as refused:
            reply = await self._house.guard.answer(client, username, refused, self._limits)
            return self._watched(reply, refused.reason, device=refused.device)
        self._house.guard.succeeded(client, username)
        return _LOGGED_IN

    async def _ask(self, challenge: bytes) -> bytes:
        if self._gone:
            raise ConnectionResetError("the last word is said")
        if self.transport is not None:
            self.transport.write(b"334 " + challenge + b"\r\n")
        self._dialogue.minutes.server(_CHALLENGE)
        try:
            response = await self._next_line()
        except LineTooLong as error:
            raise AuthRefused(_LINE_TOO_LONG, "authentication line too long") from error
        self._dialogue.minutes.heard_secret()
        return response

    def _starttls(self) -> Answer:
        """Whatever was sent in clear behind STARTTLS is thrown away (RFC 3207 §4.2)."""
        if not self._desk.offers_starttls or self._dialogue.encrypted:
            return _NO_TLS
        self._send(_READY_FOR_TLS)
        return self._wait_for(self._encrypted())

    async def _encrypted(self) -> None:
        """Upgrades the connection."""
        self._take_lines()
        try:
            transport = self.transport and await self.loop.start_tls(
                self.transport, self, self._desk.tls, server_side=True, ssl_handshake_timeout=HANDSHAKE_S
            )
            if transport is None:
                raise ConnectionResetError("the device closed the connection")
        except OSError as error:
            listener = self._desk.listener
            self._house.journal.session_broken(
                client=self._dialogue.client, listener=listener.listen, reason=f"TLS handshake failed: {error}",
                remedy=handshake_remedy(error, listener.tls_floor),
            )  # fmt: skip
            raise ConnectionResetError("TLS handshake failed") from error
        self.transport = transport
        self._dialogue.restart(tls_version(transport), tls_cipher(transport))
