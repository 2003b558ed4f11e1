"""A connection to a submission server from its first octet to the sign-in, step by step.

The only file that knows aiosmtplib. TLS is required and verified: where STARTTLS is missing or refused nothing is said
in clear but EHLO. Each step raises `TransportError` of its own stage; whoever holds the dialogue ends it with
`hand_over` or `drop`.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import aiosmtplib

from relay.message.reply import Reply, parse_reply
from relay.message.transcript import Conversation, without
from relay.transport import xoauth2
from relay.transport.commands import Offer
from relay.transport.dial import ANY, Network, dial
from relay.transport.transport import Stage, TransportError
from relay.transport.trust import Identity, TrustError, client_context
from relay.transport.wire import Wire

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping
    from pathlib import Path


_ALERT = re.compile(r"alert[ _](unknown[ _]ca|bad[ _]cert|cert|access[ _]denied)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """With whom a dialogue is held, and how it is reached; times are seconds. `identity` is shown in STARTTLS."""

    host: str
    port: int
    local_hostname: str
    ca_file: Path | None = None
    identity: Identity | None = None
    network: Network = ANY
    connect_timeout_s: float = 30.0
    reply_timeout_s: float = 300.0


class Dialogue:
    """One connection: `connect` (or `dial` and `greet`), `encrypt` (or `ehlo`, `starttls`, `ehlo`), `sign_in`."""

    def __init__(self, target: Target) -> None:
        self._to = target
        self._host = target.host
        self.talk = Conversation(time.monotonic)
        self._secrets: tuple[str, ...] = ()
        self._shown = False  # whether a certificate of ours, if there is one, is under the server's eyes
        self._socket: socket.socket | None = None
        self._smtp = aiosmtplib.SMTP(
            hostname=target.host,
            local_hostname=target.local_hostname,
            timeout=target.connect_timeout_s,
            start_tls=False,  # done step by step below: aiosmtplib's own way goes on in clear where it is not offered
        )

    async def connect(self) -> None:
        await self.dial()
        await self.greet()

    async def dial(self) -> socket.socket:
        """The TCP connection alone; its socket, to look at."""
        with self._step(Stage.CONNECT):
            self._socket = await dial(self._to.host, self._to.port, self._to.connect_timeout_s, self._to.network)
            self.talk.remark(f"connected to {self._server}, {self._socket.getpeername()[0]}")
        return self._socket

    async def greet(self) -> str:
        """What the server says first."""
        with self._step(Stage.GREETING):
            greeting = await self._smtp.connect(sock=self._socket, timeout=self._to.reply_timeout_s)
        self.talk.server(_reply(greeting.code, greeting.message))
        self._host = greeting.message.partition(" ")[0] or self._host
        return f"{greeting.code} {greeting.message}"

    async def encrypt(self) -> None:
        """STARTTLS and the EHLO behind it, whose answer alone counts (RFC 3207 §4.2)."""
        await self.ehlo()
        await self.starttls()
        await self.ehlo()

    async def ehlo(self) -> Mapping[str, str]:
        """What the server offers: keywords in lower case, with their parameters."""
        with self._step(Stage.EHLO):
            self.talk.client(f"EHLO {self._to.local_hostname}")
            answer = await self._smtp.ehlo(timeout=self._to.reply_timeout_s)
        self.talk.server(_reply(answer.code, answer.message))
        return self._smtp.esmtp_extensions

    async def starttls(self, context: ssl.SSLContext | None = None) -> None:
        """Encrypts; raises where it is not offered. A `context` of one's own is for who looks, and sends nothing."""
        if not self._smtp.supports_extension("starttls"):
            raise self._error(Stage.STARTTLS, f"{self._server} does not offer STARTTLS; nothing is sent in clear")
        context = context or await self._trust()
        with self._step(Stage.STARTTLS):
            self._shown = True
            self.talk.client("STARTTLS")
            answer = await self._smtp.starttls(tls_context=context, server_hostname=self._to.host)
        self.talk.server(_reply(answer.code, answer.message))
        if self.encryption is not None:
            self.talk.remark(f"{self.encryption.version()} {(self.encryption.cipher() or ('',))[0]}")

    @property
    def encryption(self) -> ssl.SSLObject | None:
        """The TLS of the connection: version, cipher, the server's certificate. None before STARTTLS."""
        transport = self._smtp.transport
        return transport.get_extra_info("ssl_object") if transport is not None else None

    async def sign_in(self, mailbox: str, token: str) -> Reply:
        """AUTH XOAUTH2; a refusal is a `TransportError` of stage AUTH with the server's reply."""
        if "xoauth2" not in self._smtp.server_auth_methods:
            offered = " ".join(self._smtp.server_auth_methods).upper() or "no AUTH at all"
            raise self._error(Stage.AUTH, f"{self._server} does not offer AUTH XOAUTH2; it offers {offered}")
        with self._step(Stage.AUTH):
            reply, challenge = await self._xoauth2(mailbox, token)
        if reply.code != 235:
            said = f"{reply}{f' ({challenge})' if challenge else ''}"
            text = f"{self._server} did not sign in {mailbox}: {said}"
            raise self._error(Stage.AUTH, text, reply)
        return reply

    def offer(self, *, pipelining: bool, chunking: bool) -> Offer:
        """What the server offers and the profile allows."""
        return Offer(
            self._host,
            size=self._smtp.supports_extension("size"),
            eight_bit=self._smtp.supports_extension("8bitmime"),
            pipelining=pipelining and self._smtp.supports_extension("pipelining"),
            chunking=chunking and self._smtp.supports_extension("chunking"),
            utf8=self._smtp.supports_extension("smtputf8"),
        )

    def hand_over(self) -> Wire:
        """The connection itself; aiosmtplib hears no more of it."""
        return Wire(cast("asyncio.Transport", self._smtp.transport), self.talk)

    def drop(self) -> None:
        transport = self._smtp.transport
        if transport is not None:
            cast("asyncio.Transport", transport).abort()  # close() would wait for the peer's half of the TLS goodbye
        elif self._socket is not None:
            self._socket.close()
        self._smtp.close()

    async def _xoauth2(self, mailbox: str, token: str) -> tuple[Reply, str]:
        """The last reply, and what a 334 error challenge before it said."""
        encoded = xoauth2.response(mailbox, token)
        self._secrets = (token, encoded.decode())
        masked = f"**** (the token of {mailbox}, {len(token)} octets)"
        if xoauth2.fits_one_line(encoded):
            reply = await self._say(b"AUTH", b"XOAUTH2", encoded, shown=f"AUTH XOAUTH2 {masked}")
            if reply.code == 334 and not reply.text.strip():  # the server takes no initial response
                reply = await self._say(encoded, shown=masked)
        else:
            reply = await self._say(b"AUTH", b"XOAUTH2", shown="AUTH XOAUTH2")
            if reply.code == 334:
                reply = await self._say(encoded, shown=masked)
        if reply.code != 334:
            return reply, ""
        challenge = without(xoauth2.challenge_text(reply.text), *self._secrets)
        self.talk.remark(f"the challenge says {challenge}")
        return await self._say(b"", shown="(an empty line)"), challenge

    async def _say(self, *words: bytes, shown: str) -> Reply:
        """`shown` is the command as it may be read later; a server that repeats what it heard is not quoted."""
        self.talk.client(shown)
        answer = await self._smtp.execute_command(*words, timeout=self._to.reply_timeout_s)
        reply = _reply(answer.code, without(answer.message, *self._secrets))
        self.talk.server(reply)
        return reply

    async def _trust(self) -> ssl.SSLContext:
        try:
            return await asyncio.to_thread(client_context, self._to.ca_file, self._to.identity)
        except TrustError as exc:
            raise self._error(Stage.STARTTLS, str(exc)) from exc

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
            raise self._error(stage, f"{self._server} at {stage.name}: {text}{self._behind_certificate(text)}") from exc

    def _behind_certificate(self, text: str) -> str:
        """By TLS 1.3 a server refuses our certificate after the handshake: all that is seen is a broken connection."""
        identity = self._to.identity
        if identity is None or not self._shown or ("[SSL" in text and not _ALERT.search(text)):
            return ""
        return f", right after the relay showed the certificate {identity.certificate}"

    def _refused(self, stage: Stage, exc: aiosmtplib.SMTPResponseException) -> TransportError:
        reply = _reply(exc.code, exc.message) if 200 <= exc.code < 600 else None
        return self._error(stage, f"{self._server} at {stage.name}: {reply or exc.message}", reply)

    def _error(self, stage: Stage, text: str, reply: Reply | None = None) -> TransportError:
        return TransportError(stage, text, host=self._host, reply=reply)


def _reply(code: int, message: str) -> Reply:
    return parse_reply(code, message.split("\n"))
