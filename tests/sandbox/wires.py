"""A bare SMTP client on one socket, for what no library sends: flights, half commands, broken lines."""

import asyncio
import ssl
from typing import Self

from relay.sandbox.certificates import Issued
from relay.sandbox.cloud import CloudSettings


class Talk:
    """Sends octets as they are and reads whole replies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, settings: CloudSettings, port: int = 0) -> Self:
        """Connect; the greeting is not read yet."""
        return cls(*await asyncio.open_connection("127.0.0.1", port or settings.smtp_port))

    @classmethod
    async def secured(cls, settings: CloudSettings, port: int = 0, certificate: Issued | None = None) -> Self:
        """Connect, STARTTLS (with a client certificate) and EHLO."""
        talk = await cls.open(settings, port)
        await talk.reply()
        await talk.ask("EHLO relay.test")
        await talk.start_tls(settings, certificate)
        await talk.ask("EHLO relay.test")
        return talk

    async def start_tls(self, settings: CloudSettings, certificate: Issued | None = None) -> None:
        """STARTTLS and the handshake."""
        context = ssl.create_default_context(cafile=str(settings.ca_file))
        if certificate is not None:
            context.load_cert_chain(certificate.certificate, certificate.key)
        await self.ask("STARTTLS")
        await self.writer.start_tls(context, server_hostname=settings.smtp_host)

    async def reply(self) -> str:
        """The next reply, its lines joined by LF; an empty text when the connection has ended."""
        lines = []
        async with asyncio.timeout(10):
            while line := (await self.reader.readline()).decode():
                lines.append(line.rstrip("\r\n"))
                if line[3:4] != "-":
                    break
        return "\n".join(lines)

    async def ask(self, command: str) -> str:
        """Send one command and return its reply."""
        await self.send(command.encode() + b"\r\n")
        return await self.reply()

    async def send(self, octets: bytes) -> None:
        """Send octets as they are."""
        self.writer.write(octets)
        await self.writer.drain()

    def close(self) -> None:
        """Leave without a word."""
        self.writer.close()
