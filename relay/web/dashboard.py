"""Dashboard and API around the probes: every page and every call asks the guard first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from relay.control.accounts import AccountsError
from relay.control.who import Role
from relay.web import api
from relay.web.answering import PREFIX, refused
from relay.web.entra import EntraDoor
from relay.web.landing import Landing
from relay.web.missing import elsewhere
from relay.web.origin import SAFE, inside, path_of
from relay.web.page import Page, Visit
from relay.web.pages import PAGES
from relay.web.render import render
from relay.web.setup import Setup
from relay.web.signing import Signing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from starlette.requests import Request

    from relay.control.running import Control
    from relay.web.guard import Guard

_NO_PAGE = "The dashboard has no page of this address: it may be mistyped, or of another version."
STATIC = Path(__file__).parent / "static"


def dashboard(control: Control, guard: Guard, probes: Iterable[Route], fault: Callable[..., Any]) -> Starlette:
    """The whole of it, without the gate before it."""
    routes = [
        *probes,
        *Signing(guard).routes(),
        *Setup(control, guard).routes(),
        *EntraDoor(control, guard).routes(),
        *api.routes(control, guard),
        *(_route(page, control, guard) for page in PAGES),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]

    async def missing(request: Request, _error: Exception) -> Response:
        if tidy := elsewhere(request):
            return tidy
        try:
            who = await guard.who(request)
        except AccountsError as error:  # nobody else looks at what a handler of errors raises
            return _no_accounts(request, error)
        visit = Visit(request, control, who) if who else None
        return render(visit, "refused.html", status=404, title="No such page", words=_NO_PAGE)

    handlers: dict[Any, Any] = {
        404: missing, AccountsError: _no_accounts, ClientDisconnect: _gone, Exception: fault,
    }  # fmt: skip
    return Starlette(routes=routes, exception_handlers=handlers, middleware=[Middleware(Landing, control)])


def _route(page: Page, control: Control, guard: Guard) -> Route:
    async def endpoint(request: Request) -> Response:
        who = await guard.who(request)
        if who is None:
            return _to_the_sign_in(request)
        visit = Visit(request, control, who)
        if not who.may(page.role):
            return render(
                visit, "refused.html", status=403, title="Not allowed",
                words=f"You are signed in as a {who.role}; this needs the role {Role.OPERATOR}.",
            )  # fmt: skip
        return await page.handler(visit)

    return Route(page.path, endpoint, methods=list(page.methods))


def _to_the_sign_in(request: Request) -> Response:
    """And back to where somebody wanted to go; for a part of a page that is the page."""
    query = request.scope["query_string"].decode("latin-1")
    here = request.scope["path"] + (f"?{query}" if query else "")
    if request.headers.get("sec-fetch-site") == "cross-site" and request.method in SAFE:
        # A link on another site: the browser keeps the session's cookie back until a page of ours asks.
        return render(None, "onward.html", title="One moment", target=inside(here))
    if not request.headers.get("hx-request"):
        return RedirectResponse(f"/sign-in?next={quote(here if request.method in SAFE else '/')}", 303)
    back = quote(path_of(request.headers.get("hx-current-url", "")))
    return Response(status_code=401, headers={"HX-Redirect": f"/sign-in?next={back or '/'}"})


def _gone(_request: Request, _error: Exception) -> Response:
    """Whoever asked went away in the middle of it: nobody reads this, and nothing is wrong with the relay."""
    return Response(status_code=400)


def _no_accounts(request: Request, error: Exception) -> Response:
    if request.scope["path"].startswith(PREFIX):
        return refused(503, str(error), "")
    return render(None, "refused.html", status=503, title="Nobody can be known", words=str(error))
