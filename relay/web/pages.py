"""The pages, as one ASGI application: all read only, none holds a secret, each asks `relay.control` alone.

Any Host is answered: there is nothing here that a page of another site could do or steal beyond reading it.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from relay.web.prometheus import CONTENT_TYPE, Standing, exposition

if TYPE_CHECKING:
    from starlette.requests import Request

    from relay.control.running import Control
    from relay.telemetry.journal import Journal

_FRESH = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_INDEX = """\
/healthz  is the process alive? 200 or 503
/readyz   does it take mail? 200 or 503
/status   how it is, JSON (docs/reference/status.md)
/metrics  for Prometheus (docs/reference/metrics.md)
"""


def application(control: Control, journal: Journal) -> Starlette:
    """The application for one running relay."""
    pages = Pages(control, journal)
    routes = [
        Route("/", pages.index),
        Route("/healthz", pages.healthz),
        Route("/readyz", pages.readyz),
        Route("/status", pages.status),
        Route("/metrics", pages.metrics),
    ]
    return Starlette(routes=routes, exception_handlers={Exception: pages.fault})


class Pages:
    """One method a page."""

    def __init__(self, control: Control, journal: Journal) -> None:
        self._control = control
        self._journal = journal

    async def index(self, _: Request) -> Response:
        return PlainTextResponse(_INDEX, headers=_FRESH)

    async def healthz(self, _: Request) -> Response:
        reason = await self._control.not_alive()
        return PlainTextResponse(f"{reason or 'ok'}\n", 503 if reason else 200, headers=_FRESH)

    async def readyz(self, _: Request) -> Response:
        reasons = self._control.not_ready()
        found = {"ready": not reasons, "reasons": reasons}
        return JSONResponse(found, 503 if reasons else 200, headers=_FRESH)

    async def status(self, _: Request) -> Response:
        return JSONResponse(asdict(await self._control.status()), headers=_FRESH)

    async def metrics(self, _: Request) -> Response:
        standing = Standing.of(self._control, await self._control.look())
        text = await asyncio.to_thread(exposition, standing)
        return Response(text, headers=_FRESH, media_type=CONTENT_TYPE)

    async def fault(self, request: Request, error: Exception) -> Response:
        """A page that failed: told once here, and uvicorn's own log is off."""
        self._journal.service(
            "http.failed", level="error", reason=f"{request.url.path}: {error!r}",
            remedy="mail goes on; this is a mistake of the relay, report it with this line",
        )  # fmt: skip
        return PlainTextResponse("the relay made a mistake; its log has it\n", 500, headers=_FRESH)
