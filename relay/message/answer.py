"""An answer of Microsoft Graph: what an SMTP reply is to Exchange's SMTP."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GraphAnswer:
    """HTTP status, Graph's error code and message (empty where it gave none), Retry-After in seconds, request id."""

    status: int
    code: str = ""
    message: str = ""
    retry_after: float | None = None
    request_id: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (f"HTTP {self.status}", self.code, self.message)))
