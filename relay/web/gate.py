"""Before any page or call: is this relay meant, and is it the person who asks, not a page of another site?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from relay.web.origin import SAFE, bearer, forged, stranger_host

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from relay.control.running import Control
    from relay.web.guard import Guard

OPEN = frozenset({"/healthz", "/readyz", "/metrics"})
"""What tells everybody the same, whatever name they use for the relay."""


class Gate:
    """Around the whole application."""

    def __init__(self, inner: ASGIApp, control: Control, guard: Guard) -> None:
        self._inner = inner
        self._control = control
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._refusal(Request(scope)) if scope["type"] == "http" and scope["path"] not in OPEN else None
        await (answer or self._inner)(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        headers, settings = request.headers, self._control.settings
        host = headers.get("host", "")
        if bearer(headers) is None and stranger_host(host, settings):
            return refusal(
                request, 421, f"this relay is not known as {host}",
                "open it by its address, or set http.public_url to the address that people open",
            )  # fmt: skip
        if request.method in SAFE:
            return None
        why = forged(headers, settings.http.public_url, known=self._guard.knows(request))
        if not why:
            return None
        remedy = "use the pages of the relay itself; behind a reverse proxy set http.public_url; programs send a token"
        return refusal(request, 403, why, remedy)


def refusal(request: Request, status: int, error: str, remedy: str) -> Response:
    """No, as the API says it or in plain words."""
    if request.scope["path"].startswith("/api/"):
        return JSONResponse({"error": error, "remedy": remedy}, status)
    return PlainTextResponse(f"Refused: {error}.\n{remedy[:1].upper()}{remedy[1:]}.\n", status)
