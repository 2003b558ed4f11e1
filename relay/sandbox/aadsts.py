"""Entra's refusals as it words them: status, OAuth error, AADSTS sentence and the ids that support asks for."""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from relay.sandbox.aadsts_app import OF_APPS, Sentence
from relay.sandbox.aadsts_user import OF_USERS
from relay.sandbox.httpd import Response, json_response

SENTENCES: Mapping[int, Sentence] = {**OF_APPS, **OF_USERS}
_UNKNOWN = Sentence(400, "invalid_request", "The request was refused.")
_INVALID_SIGNATURE = "Client assertion contains an invalid signature."
_USUAL = {"claim": _INVALID_SIGNATURE, "found": ""}


class RefusalError(Exception):
    """A refusal by its AADSTS number; `facts` fill the sentence; one called `error` replaces the OAuth word."""

    def __init__(self, code: int, facts: Mapping[str, str]) -> None:
        super().__init__(f"AADSTS{code}")
        self.code = code
        self.facts = facts


def sentence(code: int) -> Sentence:
    """The refusal of a number; one that is not known is refused too, without a reason."""
    return SENTENCES.get(code, _UNKNOWN)


def fields(code: int, facts: Mapping[str, str]) -> dict[str, Any]:
    """The JSON fields of a refusal, with trace and correlation ids as Entra gives them."""
    told = sentence(code)
    stamp = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    trace = str(uuid.uuid4())
    correlation = facts.get("correlation_id") or str(uuid.uuid4())
    text = told.text.format_map(_Blanks({**_USUAL, **facts}))
    told_fields: dict[str, Any] = {
        "error": facts.get("error", told.error),
        "error_description": f"AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}",
        "error_codes": [code],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={code}",
    }
    return told_fields | ({"suberror": told.suberror} if told.suberror else {})


def body(code: int, facts: Mapping[str, str]) -> Response:
    """The HTTP reply of a refusal."""
    told = fields(code, facts)
    headers = {"x_ms_request_id": told["trace_id"]}
    if retry_after := facts.get("retry_after"):
        headers["Retry_After"] = retry_after
    return json_response(told, sentence(code).status, **headers)


class _Blanks(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return f"({key})"
