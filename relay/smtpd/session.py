"""One connection of a device, on aiosmtpd's protocol, which owns the connection, its task and its timer.

The command loop, the line reader and DATA are ours: stock aiosmtpd inspects itself for every connection, sends replies
line by line, reads a message one line at a time, and drops it when the device closes right after the dot.

Order that must hold: 250 to the end of data leaves only after `Store.accept` returned. A dialogue is never cancelled
from outside: it ends at the end of its input, so that a message in hand is stored whoever went away.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP

from relay.message.reply import Reply
from relay.message.transcript import octets
from relay.policy.refusal import option_of
from relay.policy.routing import plain_address
from relay.smtpd.ceilings import Pace, Turn
from relay.smtpd.dialogue import Dialogue
from relay.smtpd.handover import Handover
from relay.smtpd.intake import DeviceGone, Intake
from relay.smtpd.lines import ClientHello, LineReader, LineTooLong, ProxyHeader
from relay.smtpd.login import AuthRefused
from relay.smtpd.sasl import claimed, proved
from relay.smtpd.tls import HANDSHAKE_S, handshake_remedy, tls_cipher, tls_version

if TYPE_CHECKING:
    from relay.smtpd.desk import Desk
    from relay.spool.store import Draft

_LAST_WORD_S = 5.0  # for a device to read what it was told last
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


class Session(SMTP):
    """Speaks with one device; `desk` is what it shares with the others, `among` holds it while the dialogue lasts."""

    def __init__(self, desk: Desk, among: set[Session], client: str = "") -> None:
        """`client` is the device's address where a load balancer told it."""
        # aiosmtpd's own constructor inspects class and handler for a good part of a millisecond; only its state counts.
        loop = asyncio.get_running_loop()
        self._lines = LineReader(loop)
        asyncio.StreamReaderProtocol.__init__(self, self._lines, self._cb_client_connected, loop)
        self.loop = loop
        self.event_handler: Any = None
        self.session = self.envelope = None
        self.transport: Any = None  # an asyncio.Transport while connected
        self._original_transport = self._timeout_handle = self._handler_coroutine = None
        self._limits = desk.house.rules.settings.intake
        self._timeout_duration = self._limits.command_timeout_s
        self._turn = Turn(self._limits, loop.time())
        self._desk = desk
        self._house = desk.house
        self._among = among
        self._client = client
        self._closing = self._stopping = self._gone = False
        self._in_hand = False

    # -- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        client = self._client or (peer[0] if isinstance(peer, tuple) and peer else "local")
        client = str(plain_address(client) or client)  # 10.0.2.17, whatever socket it came by
        self._dialogue = Dialogue(self._desk, client, tls=tls_version(transport))
        self._dialogue.cipher = tls_cipher(transport)
        self._house.sessions += 1
        self._among.add(self)  # not before: on an implicit TLS listener a failed handshake never gets here
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._stop_clock()
        asyncio.StreamReaderProtocol.connection_lost(self, error)
        self.transport = None

    def eof_received(self) -> bool:
        self._lines.feed_eof()
        return not self._dialogue.encrypted  # a half-closed device still hears our answer

    def _stop_clock(self) -> None:
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()

    def _timeout_cb(self) -> None:
        self._leave(_TIMEOUT)

    def _leave(self, reply: Reply) -> None:
        """The last word, in the middle of whatever is under way."""
        self._closing = True
        if self.transport is not None and not self.transport.is_closing():
            self._send(reply)
        self._part()

    def _part(self) -> None:
        """Closes, and does not wait for ever for a device that reads nothing of what it was told."""
        self._stop_clock()  # here too: after a failed handshake nobody tells us that the connection is lost
        if self.transport is not None:
            if not self.transport.is_closing():  # asyncio's TLS transport breaks when it is closed twice
                self.transport.close()
            if self.transport.get_write_buffer_size():
                self._timeout_handle = self.loop.call_later(_LAST_WORD_S, self.transport.abort)

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
        self._stop_clock()
        self._timeout_handle = self.loop.call_later(_GOODBYE_S, self._part)

    def abort(self) -> None:
        """Drops the connection."""
        if self.transport is not None:
            self.transport.abort()

    @property
    def dialogue(self) -> asyncio.Task[None]:
        """Ends when nothing of the session is under way. It is never cancelled from outside."""
        assert self._handler_coroutine is not None
        return self._handler_coroutine

    # -- the dialogue

    async def _handle_client(self) -> None:
        try:
            await self._converse()
        except ClientHello:
            self._stranger(_IMPLICIT_TLS, _NO_SSL)
        except ProxyHeader:
            self._stranger(_PROXY_HEADER, _NO_PROXY)
        except OSError:
            pass  # the device left; whatever it had handed over is stored (the disk's errors come as SpoolError)
        except Exception as error:  # noqa: BLE001  (one session's mistake must not reach another, nor the device)
            dialogue = self._dialogue
            self._house.journal.session_failed(
                client=dialogue.client, reason=repr(error), about=tuple(dialogue.recipients)
            )
            self._send(_FAILED)
        finally:
            self._part()
            self._house.sessions -= 1
            self._among.discard(self)

    def _stranger(self, reason: str, remedy: str) -> None:
        """Whoever speaks another protocol hears nothing."""
        self._house.journal.client_refused(
            client=self._dialogue.client, listener=self._desk.listener.listen, reason=reason, remedy=remedy
        )
        self._desk.remember(self._dialogue, "", reason)

    async def _converse(self) -> None:
        if self._house.stopping:
            self._send(_STOPPING)
            return
        refusal = self._house.crowd.enter(self._dialogue.client, self._house.sessions, self._limits)
        try:
            if refusal is not None:
                self._send_away(*refusal)
            else:
                await self._talk()
        finally:
            self._house.crowd.leave(self._dialogue.client)

    def _send_away(self, reply: Reply, reason: str) -> None:
        self._send(reply)
        if count := self._house.crowd.to_tell(self.loop.time()):
            self._watched(reply, f"{reason}; {count} sent away since this was last told")

    async def _talk(self) -> None:
        self._send(self._desk.greeting)
        while not self._closing:
            answer = await self._answer_next()
            if self._gone:
                return
            if answer is not None:
                self._send(answer)
            if isinstance(answer, Reply):
                self._count(answer)
            await self._writer.drain()
            if self._stopping and not self._closing:
                self._say_goodbye()

    async def _answer_next(self) -> Reply | bytes | None:
        try:
            line = await self._lines.line()
        except LineTooLong:
            return _LINE_TOO_LONG
        if self._gone:
            return None
        self._reset_timeout(self._turn.command_s(self.loop.time()))
        if (refusal := self._turn.command(len(self._dialogue.recipients))) is not None:
            return self._watched(*refusal)
        verb, _, argument = line.strip().partition(b" ")
        verb = verb.upper()
        self._dialogue.minutes.heard(verb, line, under_way=self._dialogue.sender is not None)
        return await self._answer(verb, argument.strip().decode("utf-8", "replace"))

    async def _answer(self, verb: bytes, argument: str) -> Reply | bytes | None:
        dialogue = self._dialogue
        match verb:
            case b"EHLO" | b"HELO":
                return dialogue.hello(argument, extended=verb == b"EHLO")
            case b"MAIL":
                return self._watched(dialogue.mail(argument), dialogue.full, dialogue.remedy)
            case b"RCPT":
                return self._watched(dialogue.rcpt(argument))
            case b"DATA":
                return dialogue.data() or await self._data()
            case b"AUTH":
                return dialogue.may_log_in() or await self._auth(argument)
            case b"STARTTLS":
                return await self._starttls()
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

    def _send(self, words: Reply | bytes) -> None:
        self._dialogue.minutes.server(words)
        if self.transport is not None and not self._gone:
            self._writer.write(words.encode() if isinstance(words, Reply) else words)

    def _count(self, reply: Reply) -> None:
        """421 closes (RFC 5321 §3.8), whoever said it."""
        if (last := self._turn.answered(reply)) is not None:
            self._send(self._watched(*last))
        self._closing = self._closing or last is not None or reply.code == _STOPPING.code

    # -- what has to wait

    async def _data(self) -> Reply | None:
        """Reads the message and stores it; what the client sent behind it stays for the dialogue."""
        assert self.transport is not None
        self._in_hand = True
        try:
            draft = self._house.store.draft()
            self._pace = Pace(self._limits, self._dialogue.limit, self.loop.time())
            intake = Intake(draft, self._dialogue.limit, self._house.flight, self, self._still_coming)
            self._send(_GO_AHEAD)
            await self._read(intake, draft)
            self._dialogue.minutes.client(octets(intake.size))
            self._stop_clock()  # from here on it is the disk that takes its time, not the device
            handover = Handover(self._desk, self._dialogue, draft, intake)
            answer = await handover.run()
            await handover.heard(there=self.transport is not None and not self.transport.is_closing())
            if answer.positive:
                self._turn.anew(self.loop.time())
            return answer
        finally:
            self._in_hand = False
            self._dialogue.reset()
            self._reset_timeout(self._turn.command_s(self.loop.time()))

    async def _read(self, intake: Intake, draft: Draft) -> None:
        """Up to the end of data; whatever ends it before leaves nothing on the disk."""
        try:
            self._lines.give_back(await intake.read(self.transport, self._lines.take_all()))
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
            self._reset_timeout(self._limits.data_timeout_s)

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
        self._writer.write(b"334 " + challenge + b"\r\n")
        self._dialogue.minutes.server(_CHALLENGE)
        try:
            response = await self._lines.line()
        except LineTooLong as error:
            raise AuthRefused(_LINE_TOO_LONG, "authentication line too long") from error
        self._dialogue.minutes.heard_secret()
        return response

    async def _starttls(self) -> Reply | None:
        """Upgrades the connection; whatever was sent in clear behind STARTTLS is thrown away (RFC 3207 §4.2)."""
        if not self._desk.offers_starttls or self._dialogue.encrypted:
            return _NO_TLS
        assert self.transport is not None
        self._send(_READY_FOR_TLS)
        await self._writer.drain()
        self._lines.take_all()
        try:
            transport = await self.loop.start_tls(
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
        self.transport = self._writer._transport = transport  # type: ignore[attr-defined]  # noqa: SLF001  (as aiosmtpd)
        self._lines.moved_to(transport)
        self._dialogue.restart(tls_version(transport), tls_cipher(transport))
        return None
