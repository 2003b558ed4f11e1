"""A small Exchange on a real TLS socket: well-behaved by default, and as nasty as a test writes it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import trustme

from relay.tokens.source import Token
from relay.transport.smtp import ExchangeTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    Play = Callable[["Stage"], Awaitable[None]]

OFFER = ("SIZE 157286400", "PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "CHUNKING", "SMTPUTF8")


class Stage:
    """The server's end of one connection, with the lines a play speaks."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Exchange) -> None:
        self.reader = reader
        self.writer = writer
        self.server = server

    async def say(self, text: str) -> None:
        self.writer.write(text.encode() + b"\r\n")
        await self.writer.drain()

    async def hear(self) -> str:
        """The next command line; empty at the end of the connection. It is written down."""
        line = (await self.reader.readline()).decode().rstrip("\r\n")
        self.server.commands.append(line)
        return line

    async def octets(self, count: int) -> bytes:
        return await self.reader.readexactly(count)

    async def secure(self) -> None:
        """Greeting, EHLO, STARTTLS and the handshake."""
        await self.say("220 pretend.test Microsoft ESMTP MAIL Service ready")
        await self.hear()
        await self.say("250-pretend.test Hello\r\n250-SIZE 157286400\r\n250 STARTTLS")
        assert await self.hear() == "STARTTLS"
        await self.say("220 2.0.0 SMTP server ready")
        await self.writer.start_tls(self.server.context)

    async def welcome(self) -> None:
        """Everything up to the sign-in."""
        await self.secure()
        await self.hear()
        offer = [*self.server.offer, "AUTH LOGIN XOAUTH2"]
        await self.say(
            "\r\n".join(["250-pretend.test Hello", *(f"250-{word}" for word in offer[:-1]), f"250 {offer[-1]}"])
        )
        await self.sign_in()

    async def sign_in(self) -> None:
        while command := await self.hear():
            if command == "AUTH XOAUTH2":
                await self.say("334 ")
                await self.hear()
            verdict = self.server.auth.pop(0) if self.server.auth else "235 2.7.0 Authentication successful"
            await self.say(verdict)
            if verdict.startswith("235"):
                return

    async def mail(self) -> None:
        """Honest transactions until QUIT; `answers` of the server overrule what a command gets."""
        while command := await self.hear():
            await self._obey(command)
            if command == "QUIT":
                return

    async def _obey(self, command: str) -> None:
        verb = command.split(" ")[0]
        if verb == "BDAT":
            await self._keep(await self.octets(int(command.split(" ")[1])))
        elif verb == "DATA":
            await self._data()
        else:
            await self.say(self.server.answer(command, "221 2.0.0 bye" if verb == "QUIT" else "250 2.1.0 OK"))

    async def _data(self) -> None:
        reply = self.server.answer("DATA", "354 Start mail input; end with <CRLF>.<CRLF>")
        await self.say(reply)
        if reply.startswith("354"):
            lines: list[bytes] = []
            while (line := await self.reader.readline()) != b".\r\n":
                lines.append(line.removeprefix(b"."))
            await self._keep(b"".join(lines))

    async def _keep(self, message: bytes) -> None:
        self.server.messages.append(message)
        await self.say(self.server.answer("FINAL", "250 2.0.0 OK <id> [Hostname=pretend.test]"))


@dataclass
class Exchange:
    """The listening end: what it offers and answers, and what it has heard."""

    context: ssl.SSLContext
    play: Play
    offer: tuple[str, ...] = OFFER
    auth: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    connections: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    def answer(self, command: str, usual: str) -> str:
        return next((said for start, said in self.answers.items() if command.startswith(start)), usual)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await self.play(Stage(reader, writer, self))
        writer.transport.abort()
        self.ended.set()


async def honest(stage: Stage) -> None:
    await stage.welcome()
    await stage.mail()


@dataclass
class FixedTokens:
    """A token source that gives the tokens it was handed, one after each refusal, and the last for ever."""

    values: list[str]
    refusals: list[str] = field(default_factory=list)

    async def token(self) -> Token:
        return Token(self.values[0], 4e9)

    def refused(self, token: Token) -> None:
        self.refusals.append(token.value)
        if len(self.values) > 1:
            self.values.pop(0)


@pytest.fixture
def fixed_tokens() -> Callable[..., FixedTokens]:
    """`fixed_tokens("a", "b")` gives a until it is refused, then b."""
    return lambda *values: FixedTokens(list(values))


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="session")
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest_asyncio.fixture
async def exchange(server_context: ssl.SSLContext) -> AsyncIterator[Callable[..., Awaitable[Exchange]]]:
    """`await exchange(play, **how)` starts a server of that behaviour; it ends with the test."""
    async with contextlib.AsyncExitStack() as running:

        async def start(play: Play = honest, **how: Any) -> Exchange:
            server = Exchange(server_context, play, **how)
            listening = await asyncio.start_server(server.meet, "127.0.0.1", 0)
            running.callback(listening.close)
            server.port = listening.sockets[0].getsockname()[1]
            return server

        yield start


@pytest.fixture
def way_to(ca_file: Path) -> Callable[..., ExchangeTransport]:
    """`way_to(server, **settings)` is a transport that trusts it."""

    def build(server: Exchange, **settings: Any) -> ExchangeTransport:
        usual: dict[str, Any] = {
            "host": "localhost",
            "port": server.port,
            "ca_file": ca_file,
            "mailbox": "scanner@contoso.com",
            "tokens": FixedTokens(["a-token"]),
            "local_hostname": "relay.test",
            "connect_timeout_s": 5.0,
            "reply_timeout_s": 5.0,
        }
        return ExchangeTransport(**usual | settings)

    return build
