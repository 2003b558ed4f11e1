"""The relay's front door on a thread of its own, for tests that are not asynchronous: real sockets, a real spool."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import structlog

from relay.config.settings import Settings
from relay.smtpd.desk import House, Rules
from relay.smtpd.listener import Server
from relay.smtpd.tls import server_contexts
from relay.spool.sqlite import SqliteStore
from relay.telemetry.journal import Journal

if TYPE_CHECKING:
    from types import TracebackType

    from relay.spool.store import NewMessage

INTAKE = {"max_message_size": 50_000, "max_login_failures": 1_000_000, "max_sessions_per_address": 1000}
WAIT_S = 30.0


class Service:
    """A server that listens on `port` from entry to exit; `intake` changes its ceilings."""

    def __init__(self, **intake: Any) -> None:
        self._intake = INTAKE | intake
        self._ready, self._over = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._log = io.StringIO()
        self._read = 0
        self.bodies: list[bytes] = []
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(WAIT_S), "the server did not start"
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive(), "the server did not stop"

    def mistakes(self) -> list[str]:
        """What the journal says of mistakes of the relay itself since it was last asked."""
        lines = self._log.getvalue()[self._read :].splitlines()
        self._read += sum(len(line) + 1 for line in lines)
        return [line for line in lines if json.loads(line)["event"] in ("session.failed", "intake.failed", "loop")]

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        logger = structlog.wrap_logger(
            structlog.WriteLogger(self._log), processors=[structlog.processors.JSONRenderer()]
        )
        self._loop.set_exception_handler(lambda _, context: logger.error("loop", what=repr(context)))
        with tempfile.TemporaryDirectory() as directory:
            await self._serve(Path(directory), Journal(logger))

    async def _serve(self, directory: Path, journal: Journal) -> None:
        settings = _settings(directory, self._intake)
        store = SqliteStore(directory / "spool", settings.spool, lambda *_: None)
        await store.open()
        accept = store.accept

        async def counted(new: NewMessage) -> None:
            await accept(new)
            self.bodies.append(new.body.content or b"")

        store.accept = counted  # type: ignore[method-assign]
        house = House(
            Rules(settings, server_contexts(settings.tls, directory, "relay.test")), store, journal, "relay.test"
        )
        server = Server(house)
        self.port = int((await server.open(settings.listeners))[0].rpartition(":")[2])
        self._ready.set()
        await self._over.wait()
        cut = await server.close(WAIT_S)
        await store.close()
        assert (cut, house.sessions, house.flight.messages) == (0, 0, 0)


def _settings(directory: Path, intake: dict[str, Any]) -> Settings:
    password = directory / "password"
    password.write_text("secret\n")
    return Settings.model_validate({
        "data_dir": directory,
        "listeners": [{"listen": "127.0.0.1:0"}],
        "apps": {"c": {"tenant": "c.test", "client_id": "x", "credential": {"secret": {"env": "X"}}}},
        "profiles": {"scans": {"app": "c", "mailbox": "scanner@contoso.test", "from": "keep"}},
        "devices": {
            "copier": {"address": "127.0.0.1", "profile": "scans", "recipients": ["*@contoso.test"]},
            "erp": {"login": {"username": "erp", "password": {"file": str(password)}}, "profile": "scans"},
        },
        "spool": {"min_free_bytes": 0},
        "intake": intake,
    })  # fmt: skip


def trusting() -> ssl.SSLContext:
    """What a device does that has no store of authorities."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
