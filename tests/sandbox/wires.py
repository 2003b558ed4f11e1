"""A bare SMTP client on one socket, for what no library sends: flights, half commands, broken lines."""

import asyncio
import ssl
from typing import Self

from relay.sandbox.cloud import CloudSettings


class Talk:
    """Sends octets as they are and reads whole replies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, settings: CloudSettings) -> Self:
        """Connect; the greeting is not read yet."""
        return cls(*await asyncio.open_connection("127.0.0.1", settings.smtp_port))

    @classmethod
    async def secured(cls, settings: CloudSettings) -> Self:
        """Connect, STARTTLS and EHLO."""
        talk = await cls.open(settings)
        await talk.reply()
        await talk.ask("EHLO relay.test")
        await talk.ask("STARTTLS")
        await talk.writer.start_tls(
            ssl.create_default_context(cafile=str(settings.ca_file)), server_hostname=settings.smtp_host
        )
        await talk.ask("EHLO relay.test")
        return talk

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
