"""Dashboard and API around the probes: every page and every call asks the guard first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from relay.control.who import Role
from relay.web import api
from relay.web.guard import Guard
from relay.web.landing import Landing
from relay.web.page import Page, Visit
from relay.web.pages import PAGES
from relay.web.render import render
from relay.web.signing import Signing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from relay.control.running import Control

STATIC = Path(__file__).parent / "static"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def dashboard(control: Control, probes: Iterable[Route], fault: Callable[..., Any]) -> ASGIApp:
    """The whole of it."""
    guard = Guard(control)
    routes = [
        *probes,
        *Signing(control, guard).routes(),
        *api.routes(control, guard),
        *(_route(page, control, guard) for page in PAGES),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return _Headers(Landing(control, Starlette(routes=routes, exception_handlers={Exception: fault})))


def _route(page: Page, control: Control, guard: Guard) -> Route:
    async def endpoint(request: Request) -> Response:
        who = await guard.who(request)
        if who is None:
            target = f"/sign-in?next={quote(request.url.path)}"
            if request.headers.get("hx-request"):
                return Response(status_code=401, headers={"HX-Redirect": target})
            return RedirectResponse(target, 303)
        visit = Visit(request, control, who)
        if not who.may(page.role):
            return render(
                visit, "refused.html", status=403, title="Not allowed",
                words=f"You are signed in as a {who.role}; this needs the role {Role.OPERATOR}.",
            )  # fmt: skip
        return await page.handler(visit)

    return Route(page.path, endpoint, methods=list(page.methods))


class _Headers:
    """Adds the headers of every answer; nothing is kept by a cache unless it says so."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._inner(scope, receive, sent)
