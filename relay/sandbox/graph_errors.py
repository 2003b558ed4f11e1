"""Graph's refusals as it words them: status, code and sentence, in a body with the ids that support asks for.

Where a sentence comes from, and which of them are guessed, is told in docs/design/divergences.md.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from relay.sandbox.httpd import Response, json_response


class Sentence(NamedTuple):
    """How a refusal is worded, and its HTTP status."""

    status: int
    text: str


SENTENCES: Mapping[str, Sentence] = {
    "BadRequest": Sentence(400, "Bad Request"),
    "InvalidAuthenticationToken": Sentence(401, "Access token validation failure."),
    "Authorization_RequestDenied": Sentence(403, "Insufficient privileges to complete the operation."),
    "Request_ResourceNotFound": Sentence(
        404, "Resource does not exist or one of its queried reference-property objects are not present."
    ),
    "ErrorAccessDenied": Sentence(403, "Access is denied. Check credentials and try again."),
    "ErrorSendAsDenied": Sentence(
        403,
        "The user account which was used to submit this request does not have the right to "
        "send mail on behalf of the specified sending account., Cannot submit message.",
    ),
    "ErrorInvalidUser": Sentence(404, "The requested user is invalid."),
    "MailboxNotEnabledForRESTAPI": Sentence(
        404, "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
    ),
    "ErrorMessageSubmissionBlocked": Sentence(
        403, "Cannot send mail. Follow the instructions in your Inbox to verify your account."
    ),
    "ErrorAccountSuspend": Sentence(
        403, "Account suspended. Follow the instructions in your Inbox to verify your account."
    ),
    "RequestEntityTooLarge": Sentence(413, "The maximum request length supported is 4MB."),
    "ErrorMessageSizeExceeded": Sentence(
        400, "The message exceeds the maximum supported size., Cannot save changes made to an item to store."
    ),
    "ErrorMimeContentInvalidBase64String": Sentence(400, "Invalid base64 string for MIME content."),
    "ErrorMimeContentInvalid": Sentence(400, "The MIME content is invalid."),
    "ErrorInvalidRecipients": Sentence(
        400, "At least one recipient is not valid., A message can't be sent because it contains no recipients."
    ),
    "ErrorExceededMessageLimit": Sentence(403, "Cannot send mail. Daily Message/Recipient limit exceeded."),
    "ErrorQuotaExceeded": Sentence(507, "The mailbox has exceeded its quota."),
    "ApplicationThrottled": Sentence(429, "Application is over its MailboxConcurrency limit."),
    "TooManyRequests": Sentence(429, "Too many requests"),
    "ErrorServerBusy": Sentence(503, "The server cannot service this request right now. Try again later."),
    "ServiceUnavailable": Sentence(503, "The service is temporarily unavailable."),
    "ErrorInternalServerError": Sentence(500, "An internal server error occurred. The operation failed."),
    "UnknownError": Sentence(500, ""),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal in full."""

    status: int
    code: str
    message: str

    @classmethod
    def of(cls, code: str, message: str = "", *, status: int = 0) -> Self:
        """As is usual for the code, but for what is given."""
        usual = SENTENCES[code]
        return cls(status or usual.status, code, message or usual.text)


REFUSALS: Mapping[str, Refusal] = {
    "graph-token-empty": Refusal.of("InvalidAuthenticationToken", "Access token is empty."),
    "graph-token-malformed": Refusal.of(
        "InvalidAuthenticationToken",
        "IDX14100: JWT is not well formed, there are no dots (.).\nThe token needs to be in JWS or JWE Compact "
        "Serialization Format.",
    ),
    "graph-token-expired": Refusal.of(
        "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."
    ),
    "graph-token-early": Refusal.of("InvalidAuthenticationToken", "Access token has expired or is not yet valid."),
    "graph-token-audience": Refusal.of(
        "InvalidAuthenticationToken", "Access token validation failure. Invalid audience."
    ),
    "graph-token-invalid": Refusal.of("InvalidAuthenticationToken"),
    "graph-unknown-error": Refusal.of("UnknownError", status=401),
    "graph-access-denied": Refusal.of("ErrorAccessDenied"),
    "graph-send-as-denied": Refusal.of("ErrorSendAsDenied"),
    "graph-privileges": Refusal.of("Authorization_RequestDenied"),
    "graph-no-mailbox": Refusal.of("MailboxNotEnabledForRESTAPI"),
    "graph-invalid-user": Refusal.of("ErrorInvalidUser"),
    "graph-blocked": Refusal.of("ErrorMessageSubmissionBlocked"),
    "graph-suspended": Refusal.of("ErrorAccountSuspend"),
    "graph-me": Refusal.of("BadRequest", "/me request is only valid with delegated authentication flow."),
    "graph-base64": Refusal.of("ErrorMimeContentInvalidBase64String"),
    "graph-mime": Refusal.of("ErrorMimeContentInvalid"),
    "graph-no-recipients": Refusal.of("ErrorInvalidRecipients"),
    "graph-too-large": Refusal.of("RequestEntityTooLarge"),
    "graph-message-size": Refusal.of("ErrorMessageSizeExceeded"),
    "graph-throttled": Refusal.of("ApplicationThrottled"),
    "graph-too-many-requests": Refusal.of("TooManyRequests"),
    "graph-quota": Refusal.of("ErrorExceededMessageLimit"),
    "graph-internal": Refusal.of("ErrorInternalServerError"),
    "graph-bad-gateway": Refusal.of("UnknownError", "The server received an invalid response.", status=502),
    "graph-unavailable": Refusal.of("ServiceUnavailable"),
    "graph-busy": Refusal.of("ErrorServerBusy"),
    "graph-gateway-timeout": Refusal.of("UnknownError", "The request timed out.", status=504),
    "graph-mailbox-full": Refusal.of("ErrorQuotaExceeded"),
}


@dataclass(frozen=True, slots=True)
class Ids:
    """What an answer is found again by."""

    request: str
    client: str

    def headers(self) -> dict[str, str]:
        """As they stand in every answer's head."""
        return {"request-id": self.request, "client-request-id": self.client}


class GraphError(Exception):
    """A refusal by its code; `message` and `status` replace the usual ones."""

    def __init__(self, code: str, message: str = "", *, status: int = 0, retry_after: int = 0) -> None:
        super().__init__(code)
        usual = SENTENCES.get(code, Sentence(400, ""))
        self.code = code
        self.message = message or usual.text
        self.status = status or usual.status
        self.retry_after = retry_after

    @classmethod
    def named(cls, name: str, *, retry_after: int = 0) -> Self:
        """The refusal of that name; raise ValueError when there is none."""
        if name not in REFUSALS:
            raise ValueError(f"Graph has no refusal {name!r}; there are {', '.join(REFUSALS)}")
        one = REFUSALS[name]
        return cls(one.code, one.message, status=one.status, retry_after=retry_after)

    def body(self, ids: Ids) -> dict[str, Any]:
        """The JSON of it."""
        stamp = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
        inner = {"date": stamp, "request-id": ids.request, "client-request-id": ids.client}
        return {"error": {"code": self.code, "message": self.message, "innerError": inner}}

    def response(self, ids: Ids) -> Response:
        """The HTTP reply."""
        return json_response(self.body(ids), self.status, **self._headers())

    def _headers(self) -> dict[str, str]:
        headers = {"Retry_After": str(self.retry_after)} if self.retry_after else {}
        return headers | ({"WWW_Authenticate": 'Bearer realm=""'} if self.status == 401 else {})


def check_name(address: str) -> None:
    """Raise the refusal that an address asks for: its local part is a name in REFUSALS, in any domain."""
    name = address.rpartition("@")[0].lower()
    if name in REFUSALS:
        raise GraphError.named(name)
