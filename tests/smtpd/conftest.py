"""The relay's front door in this process: real sockets, a real spool, on asyncio's own loop and on uvloop."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import structlog
import uvloop

from relay.config.loader import parse
from relay.smtpd.desk import House, Rules
from relay.smtpd.listener import Server
from relay.smtpd.tls import server_contexts
from relay.spool.browse import Browser
from relay.spool.sqlite import SqliteStore
from relay.telemetry.journal import Journal
from tests.certificate import keep

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from relay.config.settings import Settings

LETTER = b"Subject: scan\r\n\r\nhello\r\n"
PROFILES = {"scans": {"app": "c", "mailbox": "scanner@contoso.test", "from": "mailbox"}}
ENVELOPE = b"EHLO copier\r\nMAIL FROM:<mfp@device.test>\r\nRCPT TO:<ann@contoso.test>\r\n"


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every test of this room runs on both loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Device:
    """One connection, spoken by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, octets: bytes) -> None:
        self.writer.write(octets)

    async def hear(self) -> str:
        """One whole reply, its lines joined; empty at the end of the connection."""
        lines = []
        async with asyncio.timeout(5):
            while line := (await self.reader.readline()).decode():
                lines.append(line.rstrip("\r\n"))
                if line[3:4] != "-":
                    break
        return "\n".join(lines)

    async def ask(self, line: str) -> str:
        self.say(line.encode() + b"\r\n")
        return await self.hear()

    async def envelope(self) -> None:
        """Everything up to the go-ahead."""
        self.say(ENVELOPE + b"DATA\r\n")
        assert [(await self.hear())[:3] for _ in range(5)] == ["220", "250", "250", "250", "354"]

    async def ended(self) -> bool:
        """Whether the relay has closed the connection."""
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):
                while await self.reader.read(65536):
                    pass
        return True


class Door:
    """A server on loopback with what stands behind it."""

    def __init__(self, directory: Path, **changes: Any) -> None:
        self.directory = directory
        self.settings = self.configured(**changes)
        self.store = SqliteStore(directory / "spool", self.settings.spool, lambda *_: None)
        self.log = io.StringIO()
        logger = structlog.wrap_logger(
            structlog.WriteLogger(self.log), processors=[structlog.processors.JSONRenderer()],
            wrapper_class=structlog.make_filtering_bound_logger(0),
        )  # fmt: skip
        self.house = House(self.rules(self.settings), self.store, Journal(logger), "relay.test")
        self.server = Server(self.house)
        self.ports: list[int] = []
        self.devices: list[Device] = []

    def configured(self, **changes: Any) -> Settings:
        password = self.directory / "password"
        password.write_text("secret\n")
        whole: dict[str, Any] = {
            "listeners": [{"listen": "127.0.0.1:0"}, {"listen": "127.0.0.1:0", "tls": "implicit"}],
            "apps": {"c": {"tenant": "c.test", "client_id": "x", "credential": {"secret": {"env": "X"}}}},
            "profiles": PROFILES,
            "devices": {
                "copier": {"address": "127.0.0.1", "profile": "scans"},
                "erp": {"login": {"username": "erp", "password": {"file": str(password)}}, "profile": "scans"},
            },
            "spool": {"min_free_bytes": 0},
        } | changes  # fmt: skip
        return parse(json.dumps(whole))

    def rules(self, settings: Settings, certificate: str = "first") -> Rules:
        keep(self.directory / certificate, f"{certificate}.test")
        return Rules(settings, server_contexts(settings.tls, self.directory / certificate, f"{certificate}.test"))

    async def device(self, port: int = 0, tls: ssl.SSLContext | None = None) -> Device:
        device = Device(*await asyncio.open_connection("127.0.0.1", self.ports[port], ssl=tls))
        self.devices.append(device)
        return device

    def queued(self) -> list[str]:
        return [row.id for row in Browser(self.directory / "spool").list()]

    def bodies(self) -> list[str]:
        return [path.name for path in (self.directory / "spool/bodies").iterdir()]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [event for line in self.log.getvalue().splitlines() if (event := json.loads(line))["event"] == name]

    async def close(self) -> None:
        for device in self.devices:
            device.writer.transport.abort()
        assert await self.server.close(5) == 0
        assert self.house.sessions == 0
        assert self.house.flight.messages == 0
        await self.store.close()


async def until(holds: Callable[[], object]) -> None:
    """Looks at what tells nobody when it changes, until something holds."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


@pytest_asyncio.fixture
async def open_door(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Opens a server; `changes` replace sections of its configuration."""
    doors: list[Door] = []

    async def open_(**changes: Any) -> Door:
        door = Door(tmp_path, **changes)
        await door.store.open()
        addresses = await door.server.open(door.settings.listeners)
        door.ports = [int(address.rpartition(":")[2]) for address in addresses]
        doors.append(door)
        return door

    yield open_
    for door in doors:
        await door.close()


@pytest_asyncio.fixture
async def door(open_door: Callable[..., Any]) -> Door:
    door: Door = await open_door()
    return door


@pytest.fixture
def trusting() -> ssl.SSLContext:
    """What a device does that has no store of authorities."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
