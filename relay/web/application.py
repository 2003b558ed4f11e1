"""The web as one ASGI application: probes for everybody, and dashboard and API for who is signed in.

A page that fails is told once in the journal (uvicorn's own log is off) and costs that page alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from relay.web.probes import Probes

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from relay.control.running import Control
    from relay.telemetry.journal import Journal


def application(control: Control, journal: Journal) -> ASGIApp:
    """The application for one running relay."""

    async def fault(request: Request, error: Exception) -> Response:
        journal.service(
            "http.failed", level="error", reason=f"{request.url.path}: {error!r}",
            remedy="mail goes on; this is a mistake of the relay, report it with this line",
        )  # fmt: skip
        return PlainTextResponse("the relay made a mistake; its log has it\n", 500)

    probes = Probes(control)
    if not control.settings.http.dashboard:
        return Starlette(routes=[Route("/", probes.index), *probes.routes()], exception_handlers={Exception: fault})
    from relay.web.dashboard import dashboard  # not where nobody wants it: it has its price in memory

    return dashboard(control, probes.routes(), fault)
