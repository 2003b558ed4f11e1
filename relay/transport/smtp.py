"""The way to Exchange Online: SMTP submission over STARTTLS, signed in with XOAUTH2.

`relay.transport.dialogue` brings a connection as far as the sign-in; from there on `relay.transport.session` speaks. A
token Exchange refuses is dropped, and one new one is tried on a new connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.message.transcript import shortened
from relay.transport.dial import ANY, Network
from relay.transport.dialogue import Dialogue, Target
from relay.transport.session import ExchangeSession, Wear
from relay.transport.transport import Stage, TransportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from relay.tokens.source import Token, TokenSource
    from relay.transport.trust import Identity

    SignIn = Callable[[Dialogue], Awaitable[object]]

_AGAIN = "       - the token was dropped; once more with a new one, on a new connection"


@dataclass(frozen=True, kw_only=True)
class SmtpServer:
    """A server of Microsoft that takes mail over STARTTLS, and how sessions with it are conducted; times are seconds.

    `identity` is the certificate the relay shows it, if it wants one.
    """

    host: str
    port: int
    local_hostname: str
    ca_file: Path | None = None
    identity: Identity | None = None
    network: Network = ANY
    pipelining: bool = True
    chunking: bool = True
    connect_timeout_s: float = 30.0
    reply_timeout_s: float = 300.0
    messages_per_session: int = 20
    session_s: float = 300.0

    @property
    def target(self) -> Target:
        """With whom the dialogue is held."""
        return Target(
            self.host, self.port, self.local_hostname, ca_file=self.ca_file, identity=self.identity,
            network=self.network, connect_timeout_s=self.connect_timeout_s, reply_timeout_s=self.reply_timeout_s,
        )  # fmt: skip

    async def session(self, sign_in: SignIn | None = None, ends_at: float | None = None) -> ExchangeSession:
        """Opens an encrypted session that `sign_in` has signed in, good until `ends_at`. Raises `TransportError`."""
        dialogue = Dialogue(self.target)
        try:
            await dialogue.connect()
            await dialogue.encrypt()
            if sign_in is not None:
                await sign_in(dialogue)
            wear = Wear(self.messages_per_session, self.session_s, self.reply_timeout_s, ends_at)
            offer = dialogue.offer(pipelining=self.pipelining, chunking=self.chunking)
            return ExchangeSession(dialogue.hand_over(), offer, wear)
        except BaseException as exc:
            dialogue.drop()
            if isinstance(exc, TransportError):
                dialogue.talk.remark(exc.text)
                exc.transcript = dialogue.talk.text()
            raise


@dataclass(frozen=True, kw_only=True)
class ExchangeTransport(SmtpServer):
    """The `Transport` of one sender profile; `mailbox` is the one that signs in."""

    mailbox: str
    tokens: TokenSource

    async def connect(self) -> ExchangeSession:
        """Opens and signs in a session. Raises `TransportError`, or `relay.tokens.source.TokenError`."""
        try:
            return await self._open()
        except TransportError as exc:
            if not _token_refused(exc):
                raise
            before = [*exc.transcript.splitlines(), _AGAIN]
        try:
            session = await self._open()
        except TransportError as exc:
            exc.transcript = shortened([*before, *exc.transcript.splitlines()])
            raise
        session.before = before
        return session

    async def _open(self) -> ExchangeSession:
        token = await self.tokens.token()  # before the connection: Exchange need not wait for Entra
        try:
            return await self._signed_in(token)
        except TransportError as exc:
            if _token_refused(exc):
                self.tokens.refused(token)
            raise

    async def _signed_in(self, token: Token) -> ExchangeSession:
        async def sign_in(dialogue: Dialogue) -> None:
            await dialogue.sign_in(self.mailbox, token.value)

        return await self.session(sign_in, token.expires_at)


def _token_refused(exc: TransportError) -> bool:
    return exc.stage is Stage.AUTH and exc.reply is not None and exc.reply.permanent
