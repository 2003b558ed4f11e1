"""The way to Exchange Online: SMTP submission over STARTTLS, signed in with XOAUTH2.

The only file that knows aiosmtplib, which brings the connection as far as the sign-in; from there on
`relay.transport.session` speaks for itself. TLS is required and verified: where STARTTLS is missing or refused nothing
is said in clear but EHLO. A token Exchange refuses is dropped, and one new one is tried on a new connection.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import aiosmtplib

from relay.message.reply import Reply, parse_reply
from relay.transport import xoauth2
from relay.transport.commands import Offer
from relay.transport.dial import dial
from relay.transport.session import ExchangeSession, Wear
from relay.transport.transport import Stage, TransportError
from relay.transport.trust import client_context
from relay.transport.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from relay.tokens.source import Token, TokenSource


@dataclass(frozen=True, kw_only=True)
class ExchangeTransport:
    """The `Transport` of one sender profile; times are seconds, `mailbox` is the one that signs in."""

    host: str
    port: int
    mailbox: str
    tokens: TokenSource
    local_hostname: str
    ca_file: Path | None = None
    pipelining: bool = True
    chunking: bool = True
    connect_timeout_s: float = 30.0
    reply_timeout_s: float = 300.0
    messages_per_session: int = 100
    session_s: float = 600.0

    async def connect(self) -> ExchangeSession:
        """Opens and signs in a session. Raises `TransportError`, or `relay.tokens.source.TokenError`."""
        try:
            return await self._open()
        except TransportError as exc:
            if not _token_refused(exc):
                raise
        return await self._open()

    async def _open(self) -> ExchangeSession:
        token = await self.tokens.token()  # before the connection: Exchange need not wait for Entra
        try:
            return await self._signed_in(token)
        except TransportError as exc:
            if _token_refused(exc):
                self.tokens.refused(token)
            raise

    async def _signed_in(self, token: Token) -> ExchangeSession:
        dialogue = _Dialogue(self)
        try:
            await dialogue.connect()
            await dialogue.encrypt()
            await dialogue.sign_in(token)
            wear = Wear(self.messages_per_session, self.session_s, self.reply_timeout_s)
            return ExchangeSession(dialogue.hand_over(), dialogue.offer(), wear)
        except BaseException:
            dialogue.drop()
            raise


def _token_refused(exc: TransportError) -> bool:
    return exc.stage is Stage.AUTH and exc.reply is not None and exc.reply.permanent


class _Dialogue:
    """One connection from its first byte to the sign-in."""

    def __init__(self, to: ExchangeTransport) -> None:
        self._to = to
        self._host = to.host
        self._smtp = aiosmtplib.SMTP(
            hostname=to.host,
            local_hostname=to.local_hostname,
            timeout=to.connect_timeout_s,
            start_tls=False,  # done step by step below: aiosmtplib's own way goes on in clear where it is not offered
        )

    async def connect(self) -> None:
        with self._step(Stage.CONNECT):
            sock = await dial(self._to.host, self._to.port, self._to.connect_timeout_s)
        with self._step(Stage.GREETING):
            greeting = await self._smtp.connect(sock=sock, timeout=self._to.reply_timeout_s)
        self._host = greeting.message.partition(" ")[0] or self._host

    async def encrypt(self) -> None:
        """STARTTLS and the EHLO behind it, whose answer alone counts (RFC 3207 §4.2)."""
        with self._step(Stage.EHLO):
            await self._smtp.ehlo(timeout=self._to.reply_timeout_s)
        if not self._smtp.supports_extension("starttls"):
            raise self._error(Stage.STARTTLS, f"{self._server} does not offer STARTTLS; nothing is sent in clear")
        context = await self._trust()
        with self._step(Stage.STARTTLS):
            await self._smtp.starttls(tls_context=context, server_hostname=self._to.host)
        with self._step(Stage.EHLO):
            await self._smtp.ehlo(timeout=self._to.reply_timeout_s)

    async def sign_in(self, token: Token) -> None:
        """AUTH XOAUTH2; a refusal is a `TransportError` of stage AUTH with the server's reply."""
        if "xoauth2" not in self._smtp.server_auth_methods:
            offered = " ".join(self._smtp.server_auth_methods).upper() or "no AUTH at all"
            raise self._error(Stage.AUTH, f"{self._server} does not offer AUTH XOAUTH2; it offers {offered}")
        with self._step(Stage.AUTH):
            reply, challenge = await self._xoauth2(xoauth2.response(self._to.mailbox, token.value))
        if reply.code != 235:
            said = f"{reply}{f' ({challenge})' if challenge else ''}"
            text = f"{self._server} did not sign in {self._to.mailbox}: {said}"
            raise self._error(Stage.AUTH, text, reply)

    def offer(self) -> Offer:
        """What the server offers and the profile allows."""
        return Offer(
            self._host,
            size=self._smtp.supports_extension("size"),
            eight_bit=self._smtp.supports_extension("8bitmime"),
            pipelining=self._to.pipelining and self._smtp.supports_extension("pipelining"),
            chunking=self._to.chunking and self._smtp.supports_extension("chunking"),
            utf8=self._smtp.supports_extension("smtputf8"),
        )

    def hand_over(self) -> Wire:
        """The connection itself; aiosmtplib hears no more of it."""
        return Wire(cast("asyncio.Transport", self._smtp.transport))

    def drop(self) -> None:
        transport = self._smtp.transport
        if transport is not None:
            cast("asyncio.Transport", transport).abort()  # close() would wait for the peer's half of the TLS goodbye
        self._smtp.close()

    async def _xoauth2(self, encoded: bytes) -> tuple[Reply, str]:
        """The last reply, and what a 334 error challenge before it said."""
        if xoauth2.fits_one_line(encoded):
            reply = await self._say(b"AUTH", b"XOAUTH2", encoded)
            if reply.code == 334 and not reply.text.strip():  # the server takes no initial response
                reply = await self._say(encoded)
        else:
            reply = await self._say(b"AUTH", b"XOAUTH2")
            if reply.code == 334:
                reply = await self._say(encoded)
        if reply.code != 334:
            return reply, ""
        return await self._say(b""), xoauth2.challenge_text(reply.text)

    async def _say(self, *words: bytes) -> Reply:
        answer = await self._smtp.execute_command(*words, timeout=self._to.reply_timeout_s)
        return _reply(answer.code, answer.message)

    async def _trust(self) -> ssl.SSLContext:
        try:
            return await asyncio.to_thread(client_context, self._to.ca_file)
        except OSError as exc:
            raise self._error(Stage.STARTTLS, f"the CA file {self._to.ca_file} cannot be used: {exc}") from exc

    @property
    def _server(self) -> str:
        return f"{self._to.host}:{self._to.port}"

    @contextmanager
    def _step(self, stage: Stage) -> Iterator[None]:
        """Whatever the library raises becomes a `TransportError` of this stage."""
        try:
            yield
        except aiosmtplib.SMTPResponseException as exc:
            raise self._refused(stage, exc) from exc
        except ssl.SSLCertVerificationError as exc:
            text = f"the certificate of {self._server} is not trusted: {exc.verify_message}"
            raise self._error(stage, text) from exc
        except (aiosmtplib.SMTPException, OSError, ValueError) as exc:
            text = str(exc) or type(exc).__name__
            raise self._error(stage, f"{self._server} at {stage.name}: {text}") from exc

    def _refused(self, stage: Stage, exc: aiosmtplib.SMTPResponseException) -> TransportError:
        reply = _reply(exc.code, exc.message) if 200 <= exc.code < 600 else None
        return self._error(stage, f"{self._server} at {stage.name}: {reply or exc.message}", reply)

    def _error(self, stage: Stage, text: str, reply: Reply | None = None) -> TransportError:
        return TransportError(stage, text, host=self._host, reply=reply)


def _reply(code: int, message: str) -> Reply:
    return parse_reply(code, message.split("\n"))
