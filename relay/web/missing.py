"""A path that nothing answers: with a slash too many it leads to the one without, else it is said.

Starlette's own redirect names scheme and host as it sees them, which is http behind a proxy that speaks https; this one
names the path alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Match

from relay.web.origin import inside

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request


def tidied(app: Starlette) -> Starlette:
    """The application, with no redirect of Starlette's own."""
    app.router.redirect_slashes = False
    return app


def elsewhere(request: Request) -> Response | None:
    """To the same without the slashes at its end, where that is something."""
    path = request.scope["path"]
    short = path.rstrip("/")
    if not short or short == path:
        return None
    scope = dict(request.scope) | {"path": short}
    if all(route.matches(scope)[0] is Match.NONE for route in request.app.routes):
        return None
    query = request.scope["query_string"].decode("latin-1")
    return RedirectResponse(inside(quote(short) + (f"?{query}" if query else "")))


def missing(request: Request, _error: Exception) -> Response:
    """In plain words, where there are only probes."""
    return elsewhere(request) or PlainTextResponse("Not Found\n", 404)
