"""What the pretend Microsoft Graph refuses with: HTTP status, code and message, in Graph's JSON.

Messages: Graph's reference of sendMail and answers seen in the field; docs/design/divergences.md names the guesses.
"""

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from relay.sandbox.httpd import Response


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal; `{...}` in the message is filled in from the request."""

    status: int
    code: str
    message: str


REFUSALS: Mapping[str, Refusal] = {
    "graph-token-empty": Refusal(401, "InvalidAuthenticationToken", "Access token is empty."),
    "graph-token-malformed": Refusal(401, "InvalidAuthenticationToken", "JWT is not well formed, there are no dots."),
    "graph-token-expired": Refusal(
        401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."
    ),
    "graph-token-audience": Refusal(
        401, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience."
    ),
    "graph-token-invalid": Refusal(401, "InvalidAuthenticationToken", "Access token validation failure."),
    "graph-unknown-error": Refusal(401, "UnknownError", ""),
    "graph-access-denied": Refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again."),
    "graph-send-as-denied": Refusal(
        403,
        "ErrorSendAsDenied",
        "The user account which was used to submit this request does not have the right to send mail on behalf of the "
        "specified sending account., Cannot submit message.",
    ),
    "graph-privileges": Refusal(
        403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
    ),
    "graph-no-mailbox": Refusal(
        404,
        "MailboxNotEnabledForRESTAPI",
        "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
    ),
    "graph-invalid-user": Refusal(404, "ErrorInvalidUser", "The requested user '{user}' is invalid."),
    "graph-no-resource": Refusal(
        404,
        "Request_ResourceNotFound",
        "Resource '{resource}' does not exist or one of its queried reference-property objects are not present.",
    ),
    "graph-no-segment": Refusal(400, "BadRequest", "Resource not found for the segment '{resource}'."),
    "graph-me": Refusal(400, "BadRequest", "/me request is only valid with delegated authentication flow."),
    "graph-base64": Refusal(400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content."),
    "graph-not-mime": Refusal(400, "RequestBodyRead", "The sandbox takes sendMail as text/plain base64 MIME only."),
    "graph-no-recipients": Refusal(
        400,
        "ErrorInvalidRecipients",
        "At least one recipient is not valid., A message can't be sent because it contains no recipients.",
    ),
    "graph-too-large": Refusal(413, "RequestEntityTooLarge", "The maximum request length supported is 4MB."),
    "graph-message-size": Refusal(413, "ErrorMessageSizeExceeded", "The message exceeds the maximum supported size."),
    "graph-throttled": Refusal(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit."),
    "graph-too-many-requests": Refusal(429, "TooManyRequests", "Too many requests. Please retry after some time."),
    "graph-quota": Refusal(
        429, "ErrorExceededMessageLimit", "Cannot submit message. The message limit of the mailbox is exceeded."
    ),
    "graph-internal": Refusal(500, "InternalServerError", "An internal server error occurred. Please try again."),
    "graph-bad-gateway": Refusal(502, "BadGateway", "The server received an invalid response."),
    "graph-unavailable": Refusal(503, "ServiceUnavailable", "The service is temporarily unavailable."),
    "graph-gateway-timeout": Refusal(504, "GatewayTimeout", "The request timed out."),
    "graph-mailbox-full": Refusal(507, "ErrorQuotaExceeded", "The mailbox has exceeded its storage quota."),
}
_UNAUTHORISED = 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'


class GraphError(Exception):
    """A refusal by its name in REFUSALS; `facts` fill the message, `retry_after` is in seconds."""

    def __init__(self, name: str, *, retry_after: int = 0, **facts: str) -> None:
        super().__init__(name)
        self.name = name
        self.retry_after = retry_after
        self.facts = facts


@dataclass(frozen=True, slots=True)
class Trace:
    """The ids that Graph puts in every answer."""

    client: str = ""
    request: str = field(default_factory=lambda: str(uuid.uuid4()))

    def headers(self) -> dict[str, str]:
        """As header fields."""
        return {"request-id": self.request, "client-request-id": self.client or self.request}


def answer(name: str, facts: Mapping[str, str], trace: Trace, retry_after: int = 0) -> Response:
    """The reply of a refusal."""
    refusal = REFUSALS[name]
    headers = trace.headers()
    if refusal.status == 401:
        headers["WWW-Authenticate"] = _UNAUTHORISED
    if retry_after:
        headers["Retry-After"] = str(retry_after)
    return Response(refusal.status, body(refusal, facts, trace), "application/json", headers)


def body(refusal: Refusal, facts: Mapping[str, str], trace: Trace) -> bytes:
    """The JSON of a refusal."""
    stamp = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    inner = {"date": stamp, **trace.headers()}
    message = refusal.message.format_map(_Blanks(facts))
    return json.dumps({"error": {"code": refusal.code, "message": message, "innerError": inner}}).encode()


class _Blanks(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return f"({key})"
