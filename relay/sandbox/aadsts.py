"""Entra's refusals as it words them: status, OAuth error and AADSTS sentence.

Sentences: learn.microsoft.com/entra/identity-platform/reference-error-codes and bodies seen in the field; `{...}` is
filled in from the request.
"""

import datetime as dt
import uuid
from collections.abc import Mapping

from relay.sandbox.httpd import Response, json_response

_NOT_INSTALLED = (
    "This can happen if the application has not been installed by the administrator of the tenant or consented to by "
    "any user in the tenant. You may have sent your authentication request to the wrong tenant."
)

# code: (HTTP status, OAuth error, sentence)
SENTENCES: Mapping[int, tuple[int, str, str]] = {
    7000215: (
        401,
        "invalid_client",
        (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
            "not the client secret ID, for a secret added to app '{client_id}'."
        ),
    ),
    7000222: (
        401,
        "invalid_client",
        (
            "The provided client secret keys for app '{client_id}' are expired. Visit the Azure portal to create new "
            "keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added "
            "security: https://aka.ms/certCreds."
        ),
    ),
    7000216: (
        401,
        "invalid_client",
        "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
    ),
    7000218: (
        401,
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ),
    7000112: (401, "unauthorized_client", "Application '{client_id}'(sandbox relay) is disabled."),
    700016: (
        400,
        "unauthorized_client",
        "Application with identifier '{client_id}' was not found in the directory '{tenant}'. " + _NOT_INSTALLED,
    ),
    500011: (
        400,
        "invalid_resource",
        "The resource principal named {resource} was not found in the tenant named {tenant}. " + _NOT_INSTALLED,
    ),
    90002: (
        400,
        "invalid_request",
        (
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the "
            "correct cloud. Check with your subscription administrator, this may happen if there are no active "
            "subscriptions for the tenant."
        ),
    ),
    900023: (
        400,
        "invalid_request",
        "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain.",
    ),
    900144: (400, "invalid_request", "The request body must contain the following parameter: '{parameter}'."),
    70003: (400, "unsupported_grant_type", "The app requested an unsupported grant type '{grant_type}'."),
    70011: (
        400,
        "invalid_scope",
        (
            "The provided request must include a 'scope' input parameter. The provided value for the input parameter "
            "'scope' is not valid. The scope {scope} is not valid."
        ),
    ),
    1002012: (
        400,
        "invalid_scope",
        (
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with "
            "/.default suffixed to the resource identifier (application ID URI)."
        ),
    ),
    28000: (
        400,
        "invalid_request",
        (
            "Provided value for the input parameter scope is not valid because it contains more than one resource. "
            "Scope {scope} is not valid."
        ),
    ),
    50196: (
        400,
        "invalid_grant",
        (
            "The server terminated an operation because it encountered a client request loop. Please contact your app "
            "vendor."
        ),
    ),
    53003: (
        400,
        "invalid_grant",
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
    ),
    90033: (
        503,
        "temporarily_unavailable",
        "A transient error has occurred. Please try again.",
    ),
    90055: (429, "temporarily_unavailable", "The request was throttled. Please try again later."),
}


class RefusalError(Exception):
    """A refusal by its AADSTS number; `facts` fill the sentence."""

    def __init__(self, code: int, facts: Mapping[str, str]) -> None:
        super().__init__(f"AADSTS{code}")
        self.code = code
        self.facts = facts


def body(code: int, facts: Mapping[str, str]) -> Response:
    """The HTTP reply of a refusal, with trace and correlation ids as Entra gives them."""
    status, error, sentence = SENTENCES.get(code, (400, "invalid_request", "The request was refused."))
    stamp = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    trace = str(uuid.uuid4())
    correlation = facts.get("correlation_id") or str(uuid.uuid4())
    text = sentence.format_map(_Blanks(facts))
    return json_response(
        {
            "error": error,
            "error_description": f"AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} "
            f"Timestamp: {stamp}",
            "error_codes": [code],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={code}",
        },
        status,
        x_ms_request_id=trace,
    )


class _Blanks(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return f"({key})"
