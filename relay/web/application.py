"""The web as one ASGI application: probes for everybody, and dashboard and API for who is signed in.

A page that fails is told once in the journal (uvicorn's own log is off) and costs that page alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from relay.web.answering import PREFIX, refused
from relay.web.gate import Gate
from relay.web.headers import Headers
from relay.web.missing import missing, tidied
from relay.web.probes import Probes

if TYPE_CHECKING:
    from typing import Any

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from relay.control.running import Control
    from relay.telemetry.journal import Journal
    from relay.web.guard import Guard


def application(control: Control, journal: Journal, guard: Guard) -> ASGIApp:
    """The application for one running relay."""
    return Headers(Gate(routed(control, journal, guard), control, guard))


def routed(control: Control, journal: Journal, guard: Guard) -> Starlette:
    """Its pages and calls; each asks the guard by itself."""

    async def fault(request: Request, error: Exception) -> Response:
        journal.service(
            "http.failed", level="error", reason=f"{request.scope['path']}: {error!r}",
            remedy="mail goes on; this is a mistake of the relay, report it with this line",
        )  # fmt: skip
        if request.scope["path"].startswith(f"{PREFIX}/"):
            return refused(500, "the relay made a mistake; its log has it", "report it with that line")
        return PlainTextResponse("the relay made a mistake; its log has it\n", 500)

    probes = Probes(control, guard)
    if control.settings.http.dashboard:
        try:
            from relay.web.dashboard import dashboard  # not where nobody wants it: it has its price in memory

            return tidied(dashboard(control, guard, probes.routes(), fault))
        except Exception as error:  # noqa: BLE001  (a library that is missing costs the dashboard, not the probes)
            journal.service(
                "http.failed", level="error", reason=f"the dashboard can't be loaded: {error!r}",
                remedy="mail, probes and metrics go on without it; install the relay anew",
            )  # fmt: skip
    handlers: dict[Any, Any] = {404: missing, Exception: fault}
    return tidied(Starlette(routes=[Route("/", probes.index), *probes.routes()], exception_handlers=handlers))
