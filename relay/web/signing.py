"""Signing in and out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from relay.control.who import Who
from relay.web.render import render
from relay.web.sessions import COOKIE

if TYPE_CHECKING:
    from starlette.requests import Request

    from relay.control.running import Control
    from relay.web.guard import Guard

_MOST_OCTETS = 10_000


class Signing:
    """The only pages that nobody needs to be signed in for."""

    def __init__(self, control: Control, guard: Guard) -> None:
        self._control = control
        self._guard = guard

    def routes(self) -> list[Route]:
        """Their paths."""
        return [
            Route("/sign-in", self.page),
            Route("/sign-in", self.sign_in, methods=["POST"]),
            Route("/sign-out", self.sign_out, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """The form."""
        return render(None, "sign-in.html", next=_inside(request.query_params.get("next", "/")), words="")

    async def sign_in(self, request: Request) -> Response:
        """Name and password."""
        form = parse_qs((await request.body())[:_MOST_OCTETS].decode("utf-8", "replace"))
        name, password, target = (form.get(field, [""])[0] for field in ("name", "password", "next"))
        accounts = await self._guard.accounts()
        role = await asyncio.to_thread(accounts.role_of, name, password)
        if role is None:
            return render(None, "sign-in.html", status=401, next=_inside(target), words="Name or password is wrong.")
        seconds = self._control.settings.http.session_s
        answer = RedirectResponse(_inside(target), 303)
        value = self._guard.sessions.begin(Who(name, role, "password"), seconds)
        answer.set_cookie(COOKIE, value, max_age=seconds, httponly=True, samesite="strict")
        return answer

    async def sign_out(self, request: Request) -> Response:
        """Ends the session."""
        self._guard.sessions.end(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(COOKIE)
        return answer


def _inside(target: str) -> str:
    """A path of the dashboard, never another site."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"
