"""The way through Microsoft Graph: sendMail with the message as it is (MIME, base64), over HTTPS alone.

Graph has no envelope: it mails everybody in To, Cc and Bcc, so that each submission carries a header section of its own
(`relay.message.recipients`); the body goes as it was stored. One request takes 4 MB of base64. Graph keeps no key by
which a repetition would be recognised: a request that left and was not answered is in doubt, and is not repeated here.
"""

from __future__ import annotations

import asyncio
import base64
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from relay.message.recipients import addressed, is_writable
from relay.message.reply import Reply
from relay.message.transcript import Conversation, octets, without
from relay.telemetry.faults import fault
from relay.transport.content import ContentError, open_content
from relay.transport.dial import ANY, Network
from relay.transport.graph_answer import understood
from relay.transport.https import HttpsConnection, Place, open_https
from relay.transport.transport import Receipt, Stage, TransportError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from relay.message.answer import GraphAnswer
    from relay.message.parcel import Parcel
    from relay.tokens.source import TokenSource
    from relay.transport.content import Content

REQUEST_LIMIT = 4 * 1024 * 1024
LIMIT = REQUEST_LIMIT // 4 * 3
"""The largest message, in octets before base64."""
RESTED_AFTER_S = (
    5.0  # HTTP cannot ask an idle connection whether it still lives: a request lost on it would be in doubt
)

_UNWRITABLE = Reply(553, "5.1.3", "the address cannot stand in a header field (said by the relay)")
_AUTHORISED = "ErrorMimeContentInvalidBase64String"


@dataclass(frozen=True, kw_only=True)
class GraphTransport:
    """The `Transport` of one sender profile; `user` is whose mailbox sends, None for the person who signed in.

    `url` is the service's address with its version; times are seconds.
    """

    url: str
    user: str | None
    tokens: TokenSource
    ca_file: Path | None = None
    proxy: str = field(default="", repr=False)  # it may hold a password
    network: Network = ANY
    connect_timeout_s: float = 30.0
    reply_timeout_s: float = 300.0
    messages_per_session: int = 20
    session_s: float = 300.0

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 443

    @property
    def target(self) -> str:
        """The path that takes mail."""
        whose = "me" if self.user is None else f"users/{quote(self.user, safe='@')}"
        return f"{urlsplit(self.url).path.rstrip('/')}/{whose}/sendMail"

    @property
    def place(self) -> Place:
        """Where the requests go."""
        return Place(
            self.host, self.port, ca_file=self.ca_file, proxy=self.proxy, network=self.network,
            connect_timeout_s=self.connect_timeout_s, reply_timeout_s=self.reply_timeout_s,
        )  # fmt: skip

    async def connect(self) -> GraphSession:
        """Opens a session. Raises `TransportError`, or `relay.tokens.source.TokenError`."""
        await self.tokens.token()  # before the connection: without one there is nothing to say
        talk = Conversation(time.monotonic)
        try:
            return GraphSession(self, await open_https(self.place), talk)
        except TransportError as exc:
            exc.transcript = _told(talk, exc)
            raise

    async def probe(self) -> GraphAnswer:
        """What Graph says to a request that cannot send anything: see `may_send`. Raises as `connect`."""
        session = await self.connect()
        try:
            return await session.ask(None)
        finally:
            await session.close()


def may_send(answer: GraphAnswer) -> bool:
    """Whether the answer to a probe shows that mail would be taken: Graph looked at it, and not only at who asks."""
    return answer.status == 400 and answer.code == _AUTHORISED


class GraphSession:
    """The `Session` of `GraphTransport`: a connection, and a token for each request."""

    def __init__(self, transport: GraphTransport, connection: HttpsConnection, talk: Conversation) -> None:
        self._transport = transport
        self._connection = connection
        self._talk = talk
        self._connected()
        self._opened_at = self._used_at = time.monotonic()
        self._sent = 0

    @property
    def usable(self) -> bool:
        """Whether another parcel may be sent."""
        now = time.monotonic()
        fresh = now - self._used_at < RESTED_AFTER_S and now - self._opened_at < self._transport.session_s
        return self._connection.alive and fresh and self._sent < self._transport.messages_per_session

    async def send(self, parcel: Parcel) -> Receipt:
        """Submits one parcel. Raises `TransportError`, or `relay.tokens.source.TokenError`."""
        self._talk.begins()
        try:
            receipt = await self._submit(parcel)
        except TransportError as exc:
            exc.transcript = _told(self._talk, exc)
            raise
        return replace(receipt, transcript=self._talk.text())

    async def _submit(self, parcel: Parcel) -> Receipt:
        host = self._transport.host
        recipients = tuple(filter(is_writable, parcel.recipients))
        refused = {address: _UNWRITABLE for address in parcel.recipients if address not in recipients}
        if not recipients:
            return Receipt(host, None, Stage.RCPT, refused)
        head = await asyncio.to_thread(addressed, parcel.head, recipients)  # thousands of entries take a while
        parcel = replace(parcel, recipients=recipients, head=head)
        if parcel.size > LIMIT:
            return Receipt(host, _too_big(parcel.size), Stage.MAIL, refused)
        answer = await self.ask(parcel)
        if answer.status != 202:
            raise self._refused(answer)
        request = f", request-id {answer.request_id}" if answer.request_id else ""
        return Receipt(host, Reply(250, "2.0.0", f"HTTP 202 Accepted{request}"), Stage.FINAL, refused)

    async def ask(self, parcel: Parcel | None) -> GraphAnswer:
        """The answer to one request; a token that is not taken is replaced once. Without a parcel: to a probe."""
        answer = await self._ask(parcel)
        return answer if answer.status != 401 else await self._ask(parcel)

    async def close(self) -> None:
        """Never raises."""
        self._connection.drop()

    async def _ask(self, parcel: Parcel | None) -> GraphAnswer:
        token = await self._transport.tokens.token()
        if not self._connection.alive:
            self._connection.drop()
            self._connection = await open_https(self._transport.place)
            self._connected()
        body = await _Body.of(parcel)
        headers = {
            "Authorization": f"Bearer {token.value}", "Content-Type": "text/plain", "Accept": "application/json",
            "Content-Length": str(body.size),
        }  # fmt: skip
        self._talk.client(
            f"POST {self._transport.target}", f"Authorization: Bearer **** (a token of {len(token.value)} octets)",
            octets(body.size),
        )  # fmt: skip
        try:
            fault("transport.before-body")
            answer = understood(await self._connection.post(self._transport.target, headers, body.pieces()))
            answer = replace(answer, message=without(answer.message, token.value))
        except ContentError as exc:
            raise _unreadable(self._transport.host, exc) from exc
        finally:
            body.close()
        self._talk.server(_shown(answer))
        self._sent += 1
        self._used_at = time.monotonic()
        if answer.status == 401:
            self._transport.tokens.refused(token)
        return answer

    def _connected(self) -> None:
        tls = self._connection.encryption
        self._talk.remark(f"connected to {self._transport.place.words}, {tls.version() if tls else 'no TLS'}")

    def _refused(self, answer: GraphAnswer) -> TransportError:
        """In doubt: a gateway that got no sense or no answer from behind it, and a success that Graph does not know."""
        stage = Stage.AUTH if answer.status == 401 else Stage.FINAL
        host = self._transport.host
        text = f"{host} did not take the message: {answer}"
        in_doubt = answer.status in (502, 504) or (200 <= answer.status < 300 and not answer.code)
        return TransportError(stage, text, host=host, graph=answer, uncertain=in_doubt)


class _Body:
    """The body of a request: the message in base64, a chunk at a time; or what is no base64, to probe."""

    def __init__(self, content: Content | None) -> None:
        self._content = content
        self.size = len(_PROBE) if content is None else (content.size + 2) // 3 * 4

    @classmethod
    async def of(cls, parcel: Parcel | None) -> _Body:
        try:
            return cls(None if parcel is None else await open_content(parcel))
        except ContentError as exc:
            raise _unreadable("", exc) from exc

    async def pieces(self) -> AsyncIterator[bytes]:
        if self._content is None:
            yield _PROBE
            return
        rest = b""
        while chunk := await self._content.chunk():
            chunk = rest + chunk
            whole = len(chunk) - len(chunk) % 3
            rest = chunk[whole:]
            if whole:
                yield base64.b64encode(chunk[:whole])
        if rest:
            yield base64.b64encode(rest)

    def close(self) -> None:
        if self._content is not None:
            self._content.close()


_PROBE = b"!this is no base64: it asks whether mail would be taken, and sends none!"


def _shown(answer: GraphAnswer) -> str:
    wait = f"Retry-After: {answer.retry_after:g} s" if answer.retry_after is not None else ""
    request = f"request-id {answer.request_id}" if answer.request_id else ""
    return "; ".join(filter(None, (str(answer), wait, request)))


def _told(talk: Conversation, exc: TransportError) -> str:
    """What was said; where that was no answer of Graph, what happened instead."""
    if exc.graph is None:
        talk.remark(exc.text)
    return talk.text()


def _unreadable(host: str, exc: Exception) -> TransportError:
    return TransportError(Stage.MAIL, f"the stored message cannot be read: {exc}", host=host)


def _too_big(size: int) -> Reply:
    text = f"this relay: message too large for Microsoft Graph: {size} bytes, at most {LIMIT}"
    return Reply(552, "5.3.4", text)
