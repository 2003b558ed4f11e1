"""One connection of a device, on aiosmtpd's protocol, which owns the connection, its task and its timer.

The command loop, the line reader and DATA are ours: stock aiosmtpd inspects itself for every connection, sends replies
line by line, reads a message one line at a time, and drops it when the device closes right after the dot.

Order that must hold: 250 to the end of data leaves only after `Store.accept` returned. A dialogue is never cancelled
from outside: it ends at the end of its input, so that a message in hand is stored whoever went away.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP

from relay.config.settings import ListenerTls
from relay.message.reply import Reply
from relay.smtpd.dialogue import Dialogue
from relay.smtpd.handover import Handover
from relay.smtpd.intake import DeviceGone, Intake
from relay.smtpd.lines import ClientHello, LineReader, LineTooLong
from relay.smtpd.login import MECHANISMS, AuthRefused, credentials, identify

if TYPE_CHECKING:
    from relay.smtpd.desk import Desk
    from relay.spool.store import Draft

_MAX_ERRORS = 20
_HANDSHAKE_S = 30
_COUNTED = frozenset({500, 501, 502, 503, 504, 535})  # a refused recipient is an answer, not an error
_FREE_ROOM = "free room on that disk, or lower spool.min_free_bytes"
_GO_AHEAD = b"354 End data with <CR><LF>.<CR><LF>\r\n"
_BYE = Reply(221, "2.0.0", "Bye")
_READY_FOR_TLS = Reply(220, "2.0.0", "Ready to start TLS")
_LOGGED_IN = Reply(235, "2.7.0", "Authentication successful")
_STOPPING = Reply(421, "4.3.2", "The relay is stopping, try again in a minute")
_TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors, closing")
_TOO_MANY_SESSIONS = Reply(421, "4.7.0", "Too many connections, try again later")
_FAILED = Reply(421, "4.3.0", "The relay made a mistake, see its log; try again later")
_TIMEOUT = Reply(421, "4.4.2", "Timeout, closing")
_NOT_HTTP = Reply(421, "4.7.0", "This is a mail server, closing")
_UNKNOWN = Reply(500, "5.5.2", "Command not recognized")
_LINE_TOO_LONG = Reply(500, "5.5.2", "Line too long")
_NO_TLS = Reply(502, "5.5.1", "STARTTLS is not offered here")
_NO_MECHANISM = Reply(504, "5.5.4", f"Unrecognized authentication type, use {' or '.join(MECHANISMS)}")
_IMPLICIT_TLS = "device speaks implicit TLS to a plain port"
_NO_SSL = "in the device choose STARTTLS or no encryption, or its port of a listener with tls: implicit"


class Session(SMTP):
    """Speaks with one device; `desk` is what it shares with the others, `among` holds it while the dialogue lasts."""

    def __init__(self, desk: Desk, among: set[Session]) -> None:
        # aiosmtpd's own constructor inspects class and handler for a good part of a millisecond; only its state counts.
        loop = asyncio.get_running_loop()
        self._lines = LineReader(loop)
        asyncio.StreamReaderProtocol.__init__(self, self._lines, self._cb_client_connected, loop)
        self.loop = loop
        self.event_handler: Any = None
        self.session = self.envelope = None
        self.transport: Any = None  # an asyncio.Transport while connected
        self._original_transport = self._timeout_handle = self._handler_coroutine = None
        intake = desk.house.rules.settings.intake
        self._timeout_duration = intake.command_timeout_s
        self._data_timeout = intake.data_timeout_s
        self._desk = desk
        self._house = desk.house
        self._among = among
        self._errors = 0
        self._closing = False
        self._in_hand = False

    # -- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        client = peer[0] if isinstance(peer, tuple) and peer else "local"
        self._dialogue = Dialogue(self._desk, client, encrypted=self._desk.listener.tls is ListenerTls.IMPLICIT)
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
        if self.transport is None:
            return
        if self.transport.get_write_buffer_size():  # it does not read its replies: closing would wait for it
            self.transport.abort()
        else:
            self._send(_TIMEOUT)
            self.transport.close()

    def stop(self) -> None:
        """Ends the session now or, when a message is in hand, right after its answer."""
        self._closing = True
        if not self._in_hand and self.transport is not None:
            self._send(_STOPPING)
            self.transport.close()

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
            self._house.journal.client_refused(
                client=self._dialogue.client, listener=self._desk.listener.listen, reason=_IMPLICIT_TLS, remedy=_NO_SSL
            )
        except OSError:
            pass  # the device left; whatever it had handed over is stored (the disk's errors come as SpoolError)
        except Exception as error:  # noqa: BLE001  (one session's mistake must not reach another, nor the device)
            self._house.journal.session_failed(client=self._dialogue.client, reason=repr(error))
            self._send(_FAILED)
        finally:
            self._stop_clock()  # here too: after a failed handshake nobody tells us that the connection is lost
            if self.transport is not None:
                self.transport.close()
            self._house.sessions -= 1
            self._among.discard(self)

    async def _converse(self) -> None:
        if self._house.stopping:
            self._send(_STOPPING)
            return
        if self._house.sessions > self._house.rules.settings.intake.max_sessions:
            self._send(self._watched(_TOO_MANY_SESSIONS, "more connections than intake.max_sessions"))
            return
        self._writer.write(self._desk.greeting)
        while not self._closing:
            answer = await self._answer_next()
            if isinstance(answer, Reply):
                self._send(answer)
                self._count(answer)
            elif answer is not None:
                self._writer.write(answer)
            await self._writer.drain()

    async def _answer_next(self) -> Reply | bytes | None:
        try:
            line = await self._lines.line()
        except LineTooLong:
            return _LINE_TOO_LONG
        self._reset_timeout()
        verb, _, argument = line.strip().partition(b" ")
        return await self._answer(verb.upper(), argument.strip().decode("utf-8", "replace"))

    async def _answer(self, verb: bytes, argument: str) -> Reply | bytes | None:
        dialogue = self._dialogue
        match verb:
            case b"EHLO" | b"HELO":
                return dialogue.hello(argument, extended=verb == b"EHLO")
            case b"MAIL":
                return self._watched(dialogue.mail(argument), dialogue.full, _FREE_ROOM if dialogue.full else "")
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

    def _watched(self, reply: Reply, reason: str = "", remedy: str = "") -> Reply:
        """Refusals of mail go into the journal: the administrator looks there when a device shows an error."""
        if reply.code >= 400:
            known = self._dialogue.known
            self._house.journal.client_refused(
                client=self._dialogue.client, helo=self._dialogue.helo, device=known.name if known else "",
                reply=str(reply), reason=reason, remedy=remedy,
            )  # fmt: skip
        return reply

    def _send(self, reply: Reply) -> None:
        if self.transport is not None:
            self._writer.write(reply.encode())

    def _count(self, reply: Reply) -> None:
        if reply.code in _COUNTED:
            self._errors += 1
        if self._errors >= _MAX_ERRORS:
            self._send(_TOO_MANY_ERRORS)
            self._closing = True

    # -- what has to wait

    async def _data(self) -> Reply | None:
        """Reads the message and stores it; what the client sent behind it stays for the dialogue."""
        assert self.transport is not None
        self._in_hand = True
        try:
            draft = self._house.store.draft()
            intake = Intake(draft, self._desk.limit, self._house.flight, self, self._still_coming)
            self._writer.write(_GO_AHEAD)
            await self._read(intake, draft)
            self._stop_clock()  # from here on it is the disk that takes its time, not the device
            return await Handover(self._desk, self._dialogue, draft, intake).run()
        finally:
            self._in_hand = False
            self._dialogue.reset()
            self._reset_timeout()

    async def _read(self, intake: Intake, draft: Draft) -> None:
        """Up to the end of data; whatever ends it before leaves nothing on the disk."""
        try:
            self._lines.give_back(await intake.read(self.transport, self._lines.take_all()))
        except Exception as error:
            await draft.discard()
            if isinstance(error, DeviceGone):
                self._house.journal.session_broken(client=self._dialogue.client, reason=str(error))
            raise

    def _still_coming(self) -> None:
        self._reset_timeout(self._data_timeout)

    async def _auth(self, argument: str) -> Reply:
        mechanism, _, initial = argument.partition(" ")
        if mechanism.upper() not in MECHANISMS:
            return _NO_MECHANISM
        try:
            username, password = await credentials(mechanism.upper(), initial.strip() or None, self._ask)
            directory = self._house.rules.directory
            self._dialogue.login = identify(directory, username, password, self._dialogue.client)
        except AuthRefused as refused:
            return self._watched(refused.reply, refused.reason)
        return _LOGGED_IN

    async def _ask(self, challenge: bytes) -> bytes:
        self._writer.write(b"334 " + challenge + b"\r\n")
        try:
            return await self._lines.line()
        except LineTooLong as error:
            raise AuthRefused(_LINE_TOO_LONG, "authentication line too long") from error

    async def _starttls(self) -> Reply | None:
        """Upgrades the connection; whatever was sent in clear behind STARTTLS is thrown away (RFC 3207 §4.2)."""
        context = self._house.rules.tls
        if context is None or not self._desk.offers_starttls or self._dialogue.encrypted:
            return _NO_TLS
        assert self.transport is not None
        self._send(_READY_FOR_TLS)
        await self._writer.drain()
        self._lines.take_all()
        try:
            transport = await self.loop.start_tls(
                self.transport, self, context, server_side=True, ssl_handshake_timeout=_HANDSHAKE_S
            )
            if transport is None:
                raise ConnectionResetError("the device closed the connection")
        except OSError as error:
            self._house.journal.session_broken(client=self._dialogue.client, reason=f"TLS handshake failed: {error}")
            raise ConnectionResetError("TLS handshake failed") from error
        self.transport = self._writer._transport = transport  # type: ignore[attr-defined]  # noqa: SLF001  (as aiosmtpd)
        self._lines.moved_to(transport)
        self._dialogue.restart()
        return None
