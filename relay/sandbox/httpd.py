"""As much HTTP/1.1 as the sandbox needs: bodies with a length or in chunks, one reply each, connections kept alive."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from relay.sandbox.wire import GoneError, LineTooLongError, Wire

MAX_BODY = 1024 * 1024
PIECE = 256 * 1024
IDLE_S = 60.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are in lower case, `query` keeps the first value of each name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    gone: asyncio.Event = field(default_factory=asyncio.Event, compare=False)  # set when the client leaves

    def form(self) -> dict[str, str]:
        """The body as an application/x-www-form-urlencoded form, the first value of each name."""
        return _firsts(self.body.decode("utf-8", "replace"))

    def json(self) -> Any:
        """The body as JSON; raise ValueError when it is none."""
        return json.loads(self.body or b"{}")


@dataclass(frozen=True, slots=True)
class Response:
    """One reply."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


TOO_LARGE = Response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"the body is too large\n")


class CutError(Exception):
    """Raised by a handler: reset the connection instead of answering."""


class TooLargeError(Exception):
    """The body of a request is larger than the server takes; it has been read and dropped."""


Handler = Callable[[Request], Awaitable[Response]]


def json_response(value: object, status: int = 200, **headers: str) -> Response:
    """A reply with a JSON body; header names are given with _ for -."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(status, json.dumps(value, indent=1).encode() + b"\n", "application/json; charset=utf-8", named)


async def serve(wire: Wire, handler: Handler, *, max_body: int = MAX_BODY) -> None:
    """Answer requests on one connection until the client leaves, asks to close, or says nothing for a minute."""
    while True:
        try:
            async with asyncio.timeout(IDLE_S):
                request = await _read(wire, max_body)
        except TooLargeError:
            _write(wire, TOO_LARGE, last=True)
            return
        except (ValueError, LineTooLongError):
            _write(wire, Response(HTTPStatus.BAD_REQUEST, b"this is not HTTP/1.1 as the sandbox knows it\n"), last=True)
            return
        except (TimeoutError, GoneError):
            return
        try:
            response = await handler(request)
        except CutError:
            wire.reset()
            return
        last = request.headers.get("connection", "").lower() == "close"
        _write(wire, response, last=last, head_only=request.method == "HEAD")
        if last:
            return


async def _read(wire: Wire, max_body: int) -> Request:
    method, target, _version = (await wire.read_line()).decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while line := (await wire.read_line()).decode("latin-1"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("expect", "").lower() == "100-continue":
        wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await _read_body(wire, headers, max_body)
    parts = urlsplit(target)
    return Request(method.upper(), unquote(parts.path), _firsts(parts.query), headers, body, wire.gone)


async def _read_body(wire: Wire, headers: Mapping[str, str], most: int) -> bytes:
    """The whole body; raise TooLargeError after it has passed by."""
    body, size = bytearray(), 0
    async for data in _pieces(wire, headers):
        size += len(data)
        if size <= most:
            body += data
    if size > most:
        raise TooLargeError
    return bytes(body)


async def _pieces(wire: Wire, headers: Mapping[str, str]) -> AsyncIterator[bytes | bytearray]:
    if "chunked" not in headers.get("transfer-encoding", "").lower():
        async for data in _octets(wire, int(headers.get("content-length", "0"))):
            yield data
        return
    while size := int((await wire.read_line()).partition(b";")[0], 16):
        async for data in _octets(wire, size):
            yield data
        await wire.read_line()
    while await wire.read_line():
        pass  # trailer fields


async def _octets(wire: Wire, count: int) -> AsyncIterator[bytes | bytearray]:
    while count:
        data = await wire.read_some(min(count, PIECE))
        count -= len(data)
        yield data


def _firsts(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


def _write(wire: Wire, response: Response, *, last: bool, head_only: bool = False) -> None:
    reason = HTTPStatus(response.status).phrase if response.status in set(HTTPStatus) else "Sandbox"
    head = {
        "Date": formatdate(usegmt=True),
        "Content-Type": response.content_type,
        "Content-Length": str(len(response.body)),
        "Cache-Control": "no-store, no-cache",
        "Connection": "close" if last else "keep-alive",
        **response.headers,
    }
    lines = [f"HTTP/1.1 {response.status} {reason}", *(f"{name}: {value}" for name, value in head.items())]
    wire.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (b"" if head_only else response.body))
