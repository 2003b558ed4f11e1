"""The pretend Microsoft Graph: sendMail with a MIME body, and the application's own entry with its end dates.

A request is looked at in this order: its size, its token, the permission for the mailbox, then what it says: so that
an invalid body tells an authorised caller (400) from one that is not (403). Faults of the stage `graph` act before.
"""

import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from relay.sandbox import graph_errors, trouble
from relay.sandbox.aadsts import RefusalError
from relay.sandbox.claims import issuer_of
from relay.sandbox.exchange import Exchange, Login
from relay.sandbox.graph_errors import GraphError, Trace
from relay.sandbox.graph_mail import accept
from relay.sandbox.httpd import Request, Response, json_response
from relay.sandbox.people import User
from relay.sandbox.registration import Registration
from relay.sandbox.scopes import GRAPH, MAIL_SEND
from relay.sandbox.signing import BadTokenError

MOST_OCTETS = 4 * 1024 * 1024
SIZE_REFUSAL = "graph-too-large"
_SEND_MAIL = re.compile(r"/(?:v1\.0|beta)/(?:me|users/([^/]+))/(?:microsoft\.graph\.)?sendMail", re.IGNORECASE)
_APPLICATION = re.compile(r"/(?:v1\.0|beta)/applications\(appId='([^']*)'\)", re.IGNORECASE)
_ALL_APPLICATIONS = re.compile(r"/(?:v1\.0|beta)/applications", re.IGNORECASE)
_FILTER = re.compile(r"appId eq '([^']*)'", re.IGNORECASE)
_READ_APPLICATIONS = "Application.Read.All"


@dataclass(slots=True)
class GraphPolicy:
    """Graph's limits of one application and mailbox."""

    concurrent: int = 4
    retry_after_s: int = 1


class Graph:
    """Answers HTTPS requests. `requests` keeps when, what and the status of each."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.policy = GraphPolicy()
        self.requests: list[tuple[float, str, int]] = []
        self._under_way: Counter[str] = Counter()

    async def answer(self, request: Request) -> Response:
        """The reply to one request."""
        trace = Trace(request.headers.get("client-request-id", ""))
        try:
            response = await self._route(request, trace)
        except GraphError as error:
            response = graph_errors.answer(error.name, error.facts, trace, error.retry_after)
        except RefusalError:
            response = graph_errors.answer("graph-unknown-error", {}, trace)
        self.requests.append((time.time(), f"{request.method} {request.path}", response.status))
        return response

    async def _route(self, request: Request, trace: Trace) -> Response:
        user = _mailbox_named(request.path)
        async with _Turn(self._under_way, user, self.policy):
            faults = self.exchange.faults
            if answer := await trouble.suffer(faults, "graph", {}, user):
                return answer
            claims = self._claims(request.headers.get("authorization", ""))
            if request.method == "POST" and _SEND_MAIL.fullmatch(request.path):
                login = self._sender(_SEND_MAIL.fullmatch(request.path), claims)
                accept(self.exchange, login, request)
                return Response(202, b"", headers=trace.headers())
            if request.method == "GET" and _ALL_APPLICATIONS.match(request.path):
                return self._applications(request, claims)
        raise GraphError("graph-no-segment", resource=request.path.rpartition("/")[2])

    def _claims(self, authorization: str) -> dict[str, Any]:
        """What a believed token says; raise GraphError."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise GraphError("graph-token-empty")
        entra = self.exchange.entra
        try:
            issuer = issuer_of(entra.registration.tenant_id)
            return entra.key.verify(token.strip(), audience=GRAPH, issuer=issuer)
        except BadTokenError as error:
            raise GraphError(_reason(error.__cause__)) from error

    def _sender(self, named: re.Match[str] | None, claims: Mapping[str, Any]) -> Login:
        """The mailbox that sends, if the token may use it; raise GraphError."""
        user = named[1] if named else None
        if "scp" in claims:
            return self._person(user, claims)
        if user is None:
            raise GraphError("graph-me")
        exchange = self.exchange
        if not exchange.policy.rbac and MAIL_SEND not in claims.get("roles", ()):
            raise GraphError("graph-access-denied")
        mailbox = self._mailbox(user)
        if mailbox not in exchange.mailboxes or mailbox in exchange.revoked:
            raise GraphError("graph-access-denied")
        return Login(mailbox, claims)

    def _person(self, user: str | None, claims: Mapping[str, Any]) -> Login:
        """A person sends from their own mailbox; from another one only with Mail.Send.Shared and Send As."""
        allowed = str(claims["scp"]).split()
        person = self.exchange.entra.people.find(str(claims.get("oid", "")))
        if person is None or not {MAIL_SEND, "Mail.Send.Shared"} & set(allowed):
            raise GraphError("graph-access-denied")
        mailbox = self._mailbox(user or person.upn)
        if mailbox != person.mailbox.lower() and not ("Mail.Send.Shared" in allowed and mailbox in person.send_as):
            raise GraphError("graph-access-denied")
        if mailbox in self.exchange.revoked:
            raise GraphError("graph-access-denied")
        return Login(mailbox, claims)

    def _mailbox(self, user: str) -> str:
        """The mailbox of a name or id; raise GraphError when there is nobody, or no mailbox."""
        exchange, name = self.exchange, user.lower()
        if name in exchange.without_mailbox:
            raise GraphError("graph-no-mailbox")
        person = _person_of(exchange, name)
        if person is not None:
            return person.mailbox.lower()
        if name not in exchange.mailboxes | exchange.revoked and not exchange.is_shared(name):
            raise GraphError("graph-invalid-user", user=user)
        return name

    def _applications(self, request: Request, claims: Mapping[str, Any]) -> Response:
        """Secrets and certificates with their end dates, for who may read applications."""
        if _READ_APPLICATIONS not in [*claims.get("roles", ()), *str(claims.get("scp", "")).split()]:
            raise GraphError("graph-privileges")
        app, one = self.exchange.entra.registration, _APPLICATION.fullmatch(request.path)
        filtered = _FILTER.search(request.query.get("$filter", ""))
        wanted = one[1] if one else filtered[1] if filtered else app.client_id
        is_ours = wanted.lower() == app.client_id.lower()
        if one and not is_ours:
            raise GraphError("graph-no-resource", resource=wanted)
        entry = _selected(_entry(app), request.query.get("$select", ""))
        return json_response(entry if one else {"value": [entry] if is_ours else []})


class _Turn:
    """One of the requests that may be under way for a mailbox; raise GraphError when there are too many."""

    def __init__(self, under_way: Counter[str], mailbox: str, policy: GraphPolicy) -> None:
        self._under_way, self._mailbox, self._policy = under_way, mailbox, policy

    async def __aenter__(self) -> None:
        if self._mailbox and self._under_way[self._mailbox] >= self._policy.concurrent:
            raise GraphError("graph-throttled", retry_after=self._policy.retry_after_s)
        self._under_way[self._mailbox] += 1

    async def __aexit__(self, *_: object) -> None:
        self._under_way[self._mailbox] -= 1


def _mailbox_named(path: str) -> str:
    match = _SEND_MAIL.fullmatch(path)
    return (match[1] or "me").lower() if match else ""


def _person_of(exchange: Exchange, name: str) -> User | None:
    return next((one for one in exchange.entra.people if name in one.addresses or name == one.oid), None)


def _reason(error: BaseException | None) -> str:
    match error:
        case jwt.ExpiredSignatureError():
            return "graph-token-expired"
        case jwt.InvalidAudienceError():
            return "graph-token-audience"
        case jwt.InvalidSignatureError():
            return "graph-token-invalid"
        case jwt.DecodeError():
            return "graph-token-malformed"
    return "graph-token-invalid"


def _entry(app: Registration) -> dict[str, Any]:
    return {
        "id": app.object_id,
        "appId": app.client_id,
        "displayName": "sandbox relay",
        "passwordCredentials": [
            {
                "customKeyIdentifier": None,
                "displayName": None,
                "endDateTime": _utc(secret.end.isoformat()),
                "hint": secret.value[:3],
                "keyId": secret.id,
                "secretText": None,
            }
            for secret in app.secrets
        ],
        "keyCredentials": [
            {
                "customKeyIdentifier": one.sha1.hex().upper(),
                "displayName": one.x509.subject.rfc4514_string(),
                "endDateTime": _utc(one.x509.not_valid_after_utc.isoformat()),
                "startDateTime": _utc(one.x509.not_valid_before_utc.isoformat()),
                "key": None,
                "keyId": one.id,
                "type": "AsymmetricX509Cert",
                "usage": "Verify",
            }
            for one in app.certificates
        ],
    }


def _selected(entry: dict[str, Any], select: str) -> dict[str, Any]:
    names = [name.strip() for name in select.split(",") if name.strip()]
    return {name: entry[name] for name in names if name in entry} if names else entry


def _utc(stamp: str) -> str:
    return stamp.replace("+00:00", "Z")
