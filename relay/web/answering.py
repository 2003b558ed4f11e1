"""Answers of the API as JSON."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

PREFIX = "/api/v1"


def answered(value: Any, status: int = 200) -> Response:
    """JSON. Half a surrogate that somebody sent us comes back as a question mark."""
    octets = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(octets, status, media_type="application/json")


def refused(status: int, error: str, remedy: str) -> Response:
    """An answer that says no, and what to do."""
    return answered({"error": error, "remedy": remedy}, status)
