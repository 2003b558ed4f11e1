"""Probes, status and metrics: read only, none holds a secret, each asks `relay.control` alone.

All but the status tell everybody who reaches the listener.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from relay.control.accounts import AccountsError
from relay.web.origin import is_here
from relay.web.prometheus import CONTENT_TYPE, Standing, exposition

if TYPE_CHECKING:
    from starlette.requests import Request

    from relay.control.running import Control
    from relay.web.guard import Guard

_FRESH = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_BEARER = {"WWW-Authenticate": "Bearer"}
_ASK = "ask from the relay's own machine, or send a token: Authorization: Bearer …; see `relay admin token`"
_INDEX = """\
/healthz  is the process alive? 200 or 503
/readyz   does it take mail? 200 or 503
/status   how it is, JSON (docs/reference/status.md)
/metrics  for Prometheus (docs/reference/metrics.md)
"""


class Probes:
    """One method a path."""

    def __init__(self, control: Control, guard: Guard) -> None:
        self._control = control
        self._guard = guard

    def routes(self) -> list[Route]:
        """What answers whoever reaches the listener."""
        paths = {"/healthz": self.healthz, "/readyz": self.readyz, "/status": self.status, "/metrics": self.metrics}
        return [Route(path, endpoint) for path, endpoint in paths.items()]

    async def index(self, _: Request) -> Response:
        """The first page where there is no dashboard."""
        return PlainTextResponse(_INDEX, headers=_FRESH)

    async def healthz(self, _: Request) -> Response:
        reason = await self._control.not_alive()
        return PlainTextResponse(f"{reason or 'ok'}\n", 503 if reason else 200, headers=_FRESH)

    async def readyz(self, _: Request) -> Response:
        reasons = self._control.not_ready()
        found = {"ready": not reasons, "reasons": reasons}
        return JSONResponse(found, 503 if reasons else 200, headers=_FRESH)

    async def status(self, request: Request) -> Response:
        """Names profiles and mailboxes: for whoever is on this machine, or signed in."""
        try:
            known = is_here(request, self._guard.http) or await self._guard.who(request) is not None
        except AccountsError as error:
            return JSONResponse({"error": "nobody can be known", "remedy": str(error)}, 503, _FRESH)
        if not known:
            return JSONResponse({"error": "nobody is signed in", "remedy": _ASK}, 401, _FRESH | _BEARER)
        return JSONResponse(asdict(await self._control.status()), headers=_FRESH)

    async def metrics(self, _: Request) -> Response:
        standing = Standing.of(self._control, await self._control.look())
        text = await asyncio.to_thread(exposition, standing)
        return Response(text, headers=_FRESH, media_type=CONTENT_TYPE)
