"""A web server on a real TLS socket that answers as a test wrote it, and a proxy in front of it."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

ACCEPTED = "HTTP/1.1 202 Accepted\r\nrequest-id: 11-22\r\nContent-Length: 0\r\n\r\n"


def refusal(status: int, code: str, message: str = "said so", **headers: str) -> str:
    """An answer as Graph gives it."""
    body = json.dumps({"error": {"code": code, "message": message, "innerError": {"date": "2026"}}})
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} No\r\n{lines}request-id: 33\r\nContent-Length: {len(body)}\r\n\r\n{body}"


@dataclass
class Asked:
    """One request as it came."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> bytes:
        return base64.b64decode(self.body, validate=True)


@dataclass
class PretendGraph:
    """`answers` are given in turn, then everything is accepted. An answer of "" ends the connection without a word;
    with `deaf`, the answer comes before the body is read, and the connection ends.
    """

    context: ssl.SSLContext
    answers: list[str] = field(default_factory=list)
    deaf: bool = False
    requests: list[Asked] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = b"" if self.deaf else await reader.readexactly(int(headers["content-length"]))
        self.requests.append(Asked(first.split(" ")[1], headers, body))
        self.heard.set()
        await self.may_answer.wait()
        answer = self.answers.pop(0) if self.answers else ACCEPTED
        writer.write(answer.encode())
        await writer.drain()
        if self.deaf:
            writer.close()
        return bool(answer) and not self.deaf


@dataclass
class PretendProxy:
    """Tunnels to wherever it is told, or answers `refuses`."""

    refuses: str = ""
    port: int = 0
    heads: list[str] = field(default_factory=list)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        if self.refuses:
            writer.write(f"HTTP/1.1 {self.refuses}\r\nContent-Length: 0\r\n\r\n".encode())
            writer.close()
            return
        host, _, port = head.split(" ")[1].rpartition(":")
        onward_reader, onward_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_pass(reader, onward_writer), _pass(onward_reader, writer))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()
