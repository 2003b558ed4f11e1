"""One HTTPS connection for one request after the other, on the same sockets as SMTP: raced, bound, through a proxy.

h11 speaks HTTP/1.1 and knows nothing of sockets, so that these are dialled as `relay.transport.dial` does, nothing
blocks a thread, an attempt can be called off, and it is known whether the whole request has left. Trust, proxy and
patience are what the configuration says; the environment is not looked at, and no redirect is followed.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import h11

from relay.transport.dial import ANY, Network, dial
from relay.transport.transport import Stage, TransportError
from relay.transport.trust import TrustError, client_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

MOST_OF_AN_ANSWER = 64 * 1024
_LAST_WORDS_S = 1.0  # a connection that breaks while we send has often been told why


@dataclass(frozen=True, slots=True)
class Place:
    """Whom we ask, and how they are reached; times are seconds. `proxy` is an address, empty for none."""

    host: str
    port: int
    ca_file: Path | None = None
    proxy: str = field(default="", repr=False)  # it may hold a password
    network: Network = ANY
    connect_timeout_s: float = 30.0
    reply_timeout_s: float = 300.0

    @property
    def words(self) -> str:
        """The place as errors name it."""
        behind = f" through the proxy {urlsplit(self.proxy).hostname}" if self.proxy else ""
        return f"{self.host}:{self.port}{behind}"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, header fields by name in lower case, and the first 64 KiB of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpsConnection:
    """Made by `open_https`. Used by one at a time."""

    def __init__(self, place: Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._place = place
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)

    @property
    def alive(self) -> bool:
        """Whether another request may be made: the last one ended in order, and nobody has closed since."""
        at_rest = self._http.our_state in (h11.IDLE, h11.DONE) and self._http.their_state in (h11.IDLE, h11.DONE)
        return at_rest and not self._reader.at_eof() and not self._writer.is_closing()

    @property
    def encryption(self) -> ssl.SSLObject | None:
        """The TLS of the connection: version, cipher, the server's certificate."""
        found: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object")
        return found

    async def post(self, target: str, headers: Mapping[str, str], body: AsyncIterator[bytes]) -> Answer:
        """Sends a request, its length among the headers. Raises `TransportError`: uncertain when all of it had left."""
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        listening = asyncio.create_task(self._hear(), name="https answer")
        whole = False
        try:
            fields = [("Host", self._place.host), *headers.items()]
            whole = await self._speak(h11.Request(method="POST", target=target, headers=fields), body, listening)
            async with asyncio.timeout(self._place.reply_timeout_s):
                return _of_sense(await listening, whole=whole)
        except TimeoutError as exc:
            raise self._lost(f"no answer within {self._place.reply_timeout_s:g} s", whole=whole) from exc
        except (OSError, h11.ProtocolError) as exc:
            raise self._lost(str(exc) or type(exc).__name__, whole=whole) from exc
        finally:
            _end(listening)

    def drop(self) -> None:
        """Ends the connection without a word: HTTP has none."""
        self._writer.transport.abort()

    async def _speak(self, request: h11.Request, body: AsyncIterator[bytes], listening: asyncio.Task[Answer]) -> bool:
        """Sends until the end, or until there is an answer before it; whether all of it has left."""
        self._write(request)
        async for piece in body:
            await self._room(listening)
            if listening.done():
                return False
            self._write(h11.Data(data=piece))
        self._write(h11.EndOfMessage())
        return True

    async def _room(self, listening: asyncio.Task[Answer]) -> None:
        """Returns when more may be written, or there is an answer: a server may refuse before it has read all."""
        draining = asyncio.ensure_future(self._writer.drain())
        try:
            timeout_s = self._place.reply_timeout_s
            await asyncio.wait({draining, listening}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if draining.done() and draining.exception() is not None:
                await asyncio.wait({listening}, timeout=_LAST_WORDS_S)
            if listening.done():
                return
            if not draining.done():
                raise ConnectionError(f"took no data for {timeout_s:g} s")
            draining.result()
        finally:
            _end(draining)

    def _write(self, event: Any) -> None:
        data = self._http.send(event)
        if data:
            self._writer.write(data)

    async def _hear(self) -> Answer:
        status, headers, body = 0, {}, bytearray()
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body += event.data[: MOST_OF_AN_ANSWER - len(body)]
            elif isinstance(event, h11.EndOfMessage):
                return Answer(status, headers, bytes(body))
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionError("the other side closed the connection")

    async def _event(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(65536))
        return event

    def _lost(self, text: str, *, whole: bool) -> TransportError:
        stage = Stage.FINAL if whole else Stage.DATA
        return TransportError(stage, f"{self._place.words}: {text}", host=self._place.host, uncertain=whole)


def _of_sense(answer: Answer, *, whole: bool) -> Answer:
    """A refusal may come before the end of the request; nobody can have taken what has not left."""
    if answer.status < 300 and not whole:
        raise ConnectionError(f"HTTP {answer.status} in the middle of the request")
    return answer


async def open_https(place: Place) -> HttpsConnection:
    """A verified connection. Raises `TransportError`."""
    try:
        context = await asyncio.to_thread(client_context, place.ca_file)
    except TrustError as exc:
        raise TransportError(Stage.STARTTLS, str(exc), host=place.host) from exc
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(place.connect_timeout_s):
            reader, writer = await (_through_proxy(place, context) if place.proxy else _reach(place))
            await writer.start_tls(context, server_hostname=place.host)
            return HttpsConnection(place, reader, writer)
    except ssl.SSLCertVerificationError as exc:
        text = f"the certificate of {place.words} is not trusted: {exc.verify_message}"
        raise _failed(place, Stage.STARTTLS, text, writer) from exc
    except TimeoutError as exc:
        text = f"{place.words}: no connection within {place.connect_timeout_s:g} s"
        raise _failed(place, Stage.CONNECT, text, writer) from exc
    except (OSError, h11.ProtocolError) as exc:
        stage = Stage.STARTTLS if isinstance(exc, ssl.SSLError) else Stage.CONNECT
        raise _failed(place, stage, f"{place.words}: {exc}", writer) from exc


def _failed(place: Place, stage: Stage, text: str, writer: asyncio.StreamWriter | None) -> TransportError:
    if writer is not None:
        writer.transport.abort()
    return TransportError(stage, text, host=place.host)


async def _reach(place: Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    sock = await dial(place.host, place.port, place.connect_timeout_s, place.network)
    return await asyncio.open_connection(sock=sock)


async def _through_proxy(place: Place, context: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A tunnel (RFC 9110 §9.3.6); a proxy that wants TLS for itself gets it, by the same trust."""
    proxy = urlsplit(place.proxy)
    encrypted = proxy.scheme == "https"
    port = proxy.port or (443 if encrypted else 80)
    sock = await dial(proxy.hostname or "", port, place.connect_timeout_s, place.network)
    reader, writer = await asyncio.open_connection(sock=sock)
    try:
        if encrypted:
            await writer.start_tls(context, server_hostname=proxy.hostname)
        await _tunnel(place, reader, writer)
    except BaseException:
        writer.transport.abort()
        raise
    return reader, writer


async def _tunnel(place: Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    http = h11.Connection(h11.CLIENT)
    target = f"{place.host}:{place.port}"
    writer.write(http.send(h11.Request(method="CONNECT", target=target, headers=_proxy_headers(place))) or b"")
    writer.write(http.send(h11.EndOfMessage()) or b"")
    while not isinstance(event := http.next_event(), h11.Response):
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(4096))
        elif isinstance(event, h11.ConnectionClosed):
            raise ConnectionError("the proxy closed the connection")
    if not 200 <= event.status_code < 300:
        reason = event.reason.decode("latin-1")
        raise ConnectionError(
            f"the proxy answered {event.status_code} {reason} to CONNECT; look at outgoing.https_proxy"
        )


def _proxy_headers(place: Place) -> list[tuple[str, str]]:
    proxy = urlsplit(place.proxy)
    headers = [("Host", f"{place.host}:{place.port}")]
    if proxy.username is not None:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        headers.append(("Proxy-Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
    return headers


def _end(task: asyncio.Future[Any]) -> None:
    """Nobody waits for it any more; what it met has been told or does not matter."""
    task.cancel()
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
