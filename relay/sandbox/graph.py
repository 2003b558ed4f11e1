"""The pretend Microsoft Graph: sendMail with MIME, and the end dates of the application's credentials.

A refusal is looked for in this order: too many at once, faults, size of the request (413), token (401), permission
and mailbox (403, 404), base64 (400), recipients, author, size, day's quota. What is taken arrives where SMTP's mail
does, with `via` graph; 202 says nothing of what becomes of it.
"""

import asyncio
import time
import uuid
from collections import Counter
from dataclasses import replace

from relay.sandbox import aadsts, graph_applications, graph_letter, trouble
from relay.sandbox.aadsts import RefusalError
from relay.sandbox.entra import Entra
from relay.sandbox.exchange import Envelope, Exchange, Login
from relay.sandbox.faults import Fault
from relay.sandbox.graph_access import READ_APPLICATIONS, Access
from relay.sandbox.graph_errors import GraphError, Ids
from relay.sandbox.graph_letter import GraphLetter
from relay.sandbox.graph_limits import GraphLimits, GraphPolicy
from relay.sandbox.httpd import Request, Response, json_response
from relay.sandbox.mailbox import Arrived

MAX_BODY = 64 * 1024 * 1024  # read whole, so that the answer can be 413 and not a broken connection
_VERSIONS = ("v1.0", "beta")


class Graph:
    """Answers the requests; `sent_items` counts the copies kept, `requests` keeps when, what and the status."""

    def __init__(self, entra: Entra, exchange: Exchange, policy: GraphPolicy) -> None:
        self.policy = policy
        self.access = Access(entra, exchange)
        self.sent_items: Counter[str] = Counter()
        self.requests: list[tuple[float, str, int]] = []
        self._entra = entra
        self._exchange = exchange
        self._limits = GraphLimits(policy)

    async def answer(self, request: Request) -> Response:
        """The reply to one request, with the ids it is found again by."""
        name = str(uuid.uuid4())
        ids = Ids(name, request.headers.get("client-request-id") or name)
        try:
            response = await self._route(request, ids)
        except GraphError as error:
            response = error.response(ids)
        except RefusalError as refusal:  # a fault of any HTTPS endpoint
            response = aadsts.body(refusal.code, {**refusal.facts, "correlation_id": ids.client})
        self.requests.append((time.time(), f"{request.method} {request.path}", response.status))
        return replace(response, headers={**ids.headers(), **response.headers})

    async def _route(self, request: Request, ids: Ids) -> Response:
        version, *segments = request.path.strip("/").split("/")
        if version.lower() not in _VERSIONS:
            raise GraphError("BadRequest", f"Invalid version: {version}")
        match request.method, [segment.lower() for segment in segments]:
            case "POST", ["me", "sendmail"]:
                return await self._send(request, "", ids)
            case "POST", ["users", _, "sendmail"]:
                return await self._send(request, segments[1], ids)
            case "GET", [kind, *_] if kind.startswith("applications"):
                return await self._application(request, segments, ids)
        raise GraphError("BadRequest", f"Resource not found for the segment '{segments[-1] if segments else ''}'.")

    # sendMail

    async def _send(self, request: Request, name: str, ids: Ids) -> Response:
        whose = name or self.access.claimed(request.headers.get("authorization", ""))
        fault = self._exchange.faults.take_https("graph", whose)
        with self._limits.place(whose.lower()):
            await asyncio.sleep(self.policy.latency_s)
            if fault is not None and not fault.keep and (given := await self._suffer(fault, request, ids)):
                return given
            self._take(request, name)
            if fault is not None and fault.keep and (given := await self._suffer(fault, request, ids)):
                return given
        return Response(202)

    async def _suffer(self, fault: Fault, request: Request, ids: Ids) -> Response | None:
        return await trouble.act(self._exchange.faults, fault, {"correlation_id": ids.client}, request.gone)

    def _take(self, request: Request, name: str) -> Arrived:
        """Look at everything, then take the message; raise GraphError."""
        if len(request.body) > self.policy.request_size:
            raise GraphError("RequestEntityTooLarge")
        caller = self.access.caller(request.headers.get("authorization", ""))
        mailbox = self.access.mailbox(caller, name)
        self._limits.count(mailbox, len(request.body), _clock())
        _check_type(request)
        message = graph_letter.opened(graph_letter.decoded(request.body))
        authors = (*message.authors, *((message.sender,) if message.sender else ()))
        self.access.check_authors(caller, mailbox, authors)
        self._check_limits(mailbox, message)
        return self._keep(Login(mailbox, caller.kept()), message)

    def _check_limits(self, mailbox: str, message: GraphLetter) -> None:
        policy, limits = self._exchange.policy, self._exchange.limits
        if policy.mailbox_size and len(message.content) > policy.mailbox_size:
            raise GraphError("ErrorMessageSizeExceeded")
        if limits.is_day_quota_exceeded(mailbox, len(message.recipients), _clock()):
            raise GraphError("ErrorExceededMessageLimit")

    def _keep(self, login: Login, message: GraphLetter) -> Arrived:
        body = self._exchange.new_body()
        body.write(
            message.content if message.authors else b"From: " + login.mailbox.encode() + b"\r\n" + message.content
        )
        sender = message.sender or next(iter(message.authors), login.mailbox)
        delay = self._exchange.limits.wait_for_turn(login.mailbox, _clock())
        self.sent_items[login.mailbox] += 1
        envelope = Envelope(sender, rcpt_to=list(message.recipients))
        return self._exchange.keep(
            login, envelope, body, via="graph", door="graph", answer="202 Accepted", delayed_s=round(delay, 3)
        )

    # applications

    async def _application(self, request: Request, segments: list[str], ids: Ids) -> Response:
        fault = self._exchange.faults.take_https("graph")
        if fault is not None and (given := await self._suffer(fault, request, ids)):
            return given
        caller = self.access.caller(request.headers.get("authorization", ""))
        if not caller.permissions & READ_APPLICATIONS:
            raise GraphError("Authorization_RequestDenied")
        select, only = request.query.get("$select", ""), request.query.get("$filter", "")
        app = self._entra.registration
        if len(segments) == 1 and "(" not in segments[0]:
            return json_response(graph_applications.listed(app, select, only))
        return json_response(graph_applications.find(app, segments, select))


def _check_type(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not kind:
        text = "Write requests (excluding DELETE) must contain the Content-Type header declaration."
        raise GraphError("BadRequest", text)
    if kind != "text/plain":
        raise GraphError("BadRequest", f"The sandbox takes sendMail as MIME (text/plain), not {kind}.", status=415)


def _clock() -> float:
    return asyncio.get_running_loop().time()
