"""The control socket: orders and questions for the running relay, one JSON object a line each way.

Who may open the socket may ask: its mode is 0600, and besides the relay's own user only root is heard. A client that
sends nonsense, too much or nothing is told so and turned away; mail never notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relay.control.caller import NAME, Refused, path_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

_LINE = 1 << 20
_LINE_S = 30.0
_CLIENTS = 16
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: struct ucred
_ASK = 'send one JSON object a line, such as {"order": "orders"}'


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked; `who` is the user of the other process, as the system tells it."""

    fields: Mapping[str, Any]
    who: str


Handler = "Callable[[Request], Awaitable[Mapping[str, Any]]]"


@dataclass(slots=True)
class Door:
    """Takes requests by the name under `order`; whoever can answer one adds itself."""

    time_limit_s: float = _LINE_S
    _handlers: dict[str, Callable[[Request], Awaitable[Mapping[str, Any]]]] = field(default_factory=dict)
    _clients: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _path: Path | None = None

    def add(self, name: str, handler: Callable[[Request], Awaitable[Mapping[str, Any]]]) -> None:
        """From now on `handler` answers requests of this name; it raises `Refused` to say no."""
        self._handlers[name] = handler

    async def open(self, directory: Path) -> None:
        """Listens. A socket that is there was left by a crash: the spool is ours alone. Raises `OSError`."""
        (directory / NAME).unlink(missing_ok=True)
        self._path = directory / NAME
        with path_in(directory) as path:  # open as long as asyncio looks it up (from Python 3.13 on)
            listening = _listening(path)
            self._server = await asyncio.start_unix_server(self._come_in, sock=listening, limit=_LINE)

    async def close(self) -> None:
        """Lets nobody in any more; what is being carried out is finished by the spool."""
        if self._server is None or self._path is None:
            return
        self._server.close()
        self._path.unlink(missing_ok=True)
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _come_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            await self._talk(reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # it has gone, is too slow, or the relay stops
        finally:
            self._clients.discard(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        uid = _uid(writer)
        if uid not in (0, os.geteuid()):
            await self._say(writer, _no("you are not the relay's user", "ask as the relay's user or as root"))
            return
        if len(self._clients) > _CLIENTS:
            await self._say(writer, _no("too many ask at once", "try again in a moment"))
            return
        while True:
            try:
                async with asyncio.timeout(self.time_limit_s):
                    line = await reader.readline()
            except ValueError:
                await self._say(writer, _no(f"a line of more than {_LINE} octets", _ASK))
                return
            if not line.endswith(b"\n"):
                return
            await self._say(writer, await self._answer(line, _name(uid)))

    async def _say(self, writer: asyncio.StreamWriter, answer: Mapping[str, Any]) -> None:
        writer.write(json.dumps(answer).encode() + b"\n")
        async with asyncio.timeout(self.time_limit_s):
            await writer.drain()

    async def _answer(self, line: bytes, who: str) -> Mapping[str, Any]:
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            return _no(f"this is no JSON: {error}", _ASK)
        name = fields.get("order") if isinstance(fields, dict) else None
        handler = self._handlers.get(name) if isinstance(name, str) else None
        if handler is None:
            return _no(f"there is no order {name!r}", f"one of: {', '.join(sorted(self._handlers))}")
        try:
            return {"ok": True, **await handler(Request(fields, _acting(who, fields.get("acting"))))}
        except Refused as refused:
            return _no(refused.error, refused.remedy)
        except Exception as error:  # noqa: BLE001  (a mistake in one answer is not the relay's end)
            return _no(f"the relay made a mistake: {error!r}", "report it with this line")


def _no(error: str, remedy: str) -> dict[str, Any]:
    return {"ok": False, "error": error, "remedy": remedy}


def _listening(path: str) -> socket.socket:
    """Nobody else may connect from the first moment on: the mode is set before there is a name."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listening.fileno(), 0o600)
        listening.bind(path)
        os.chmod(path, 0o600)  # noqa: PTH101  (a path for this moment)
        listening.listen(_CLIENTS)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


def _uid(writer: asyncio.StreamWriter) -> int:
    peer = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(peer)[1])


def _name(uid: int) -> str:
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return str(uid)


def _acting(who: str, acting: object) -> str:
    """Root says for whom it acts (sudo); nobody else is believed."""
    if who == "root" and isinstance(acting, str) and acting.isprintable() and 0 < len(acting) <= 64:
        return f"{acting} (root)"
    return who
