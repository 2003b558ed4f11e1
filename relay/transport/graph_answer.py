"""What Graph says in HTTP, read: the error code and message of its JSON, the wait it names, the id of the request."""

from __future__ import annotations

import json
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from relay.message.answer import GraphAnswer

if TYPE_CHECKING:
    from relay.transport.https import Answer

_QUOTED = 300


def understood(answer: Answer) -> GraphAnswer:
    """An answer that is not Graph's JSON (a proxy's page, say) is quoted as the message, without a code."""
    code, message = _error(answer.body) or ("", "" if answer.status == 202 else _quoted(answer))
    return GraphAnswer(
        answer.status, code, message, retry_after=_wait_s(answer.headers.get("retry-after", "")),
        request_id=answer.headers.get("request-id", ""),
    )  # fmt: skip


def _error(body: bytes) -> tuple[str, str] | None:
    try:
        error = json.loads(body)["error"]
        return str(error["code"]), " ".join(str(error.get("message") or "").split())
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _quoted(answer: Answer) -> str:
    where = answer.headers.get("location")
    text = " ".join(answer.body.decode("utf-8", "replace").split())[:_QUOTED]
    return " ".join(filter(None, (f"(to {where})" if where else "", text)))


def _wait_s(text: str) -> float | None:
    """Retry-After: seconds or a date (RFC 9110 §10.2.3)."""
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
