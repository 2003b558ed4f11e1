"""Sign-in with Entra ID. The browser comes back from another site: its own cookie, not the session's, knows it again.

What Entra sends is good only in the browser that was sent there, once, and for some minutes.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from relay.control.accounts import digest
from relay.control.aside import aside
from relay.control.entra_sign_in import PATH, EntraRefused, EntraSigningIn
from relay.web.guard import role_by
from relay.web.origin import inside
from relay.web.render import render
from relay.web.sessions import Session

if TYPE_CHECKING:
    from starlette.requests import Request

    from relay.control.running import Control
    from relay.web.guard import Guard

COOKIE = "relay_entra"
_WAY = "entra"
_LIFE_S = 600
_MOST = 50
_AT_ONCE = 2  # the threads are shared with the mail


@dataclass(frozen=True, slots=True)
class _Under:
    """A sign-in under way."""

    until: float
    work: EntraSigningIn
    target: str


class EntraDoor:
    """Sends browsers to Entra and takes them back."""

    def __init__(self, control: Control, guard: Guard) -> None:
        self._control = control
        self._guard = guard
        self._under_way: dict[str, _Under] = {}
        self._turn = asyncio.Semaphore(_AT_ONCE)

    def routes(self) -> list[Route]:
        """Its path: both the way there and the redirect URI."""
        return [Route(PATH, self.door)]

    async def door(self, request: Request) -> Response:
        """There, and back."""
        if self._guard.http.entra is None:
            return _refused("Nobody signs in with Entra ID here: http.entra is not set.", status=404)
        comes_back = not request.query_params.keys().isdisjoint({"state", "code", "error"})
        try:
            return await (self._back(request) if comes_back else self._there(request))
        except EntraRefused as error:
            self._guard.refuse(request, "", _WAY, str(error))
            return _refused(error.meaning, error.answer, error.remedy, 403 if comes_back else 502)

    async def _there(self, request: Request) -> Response:
        async with self._turn:
            work = await aside(lambda: EntraSigningIn(self._control.settings), _WAY)
        value, now = secrets.token_urlsafe(32), self._guard.now()
        fresh = [(key, one) for key, one in self._under_way.items() if one.until > now]
        self._under_way = dict(fresh[-_MOST + 1 :])
        target = inside(request.query_params.get("next", "/"))
        self._under_way[digest(value)] = _Under(now + _LIFE_S, work, target)
        answer = RedirectResponse(work.url, 303)
        answer.set_cookie(
            COOKIE, value, max_age=_LIFE_S, path=PATH, httponly=True, samesite="lax", secure=self._is_https
        )
        return answer

    async def _back(self, request: Request) -> Response:
        under = self._under_way.pop(digest(request.cookies.get(COOKIE, "")), None)
        if under is None or under.until <= self._guard.now():
            return _refused("This answer belongs to no sign-in of this browser.", remedy="Begin again.", status=400)
        async with self._turn:
            name = await aside(lambda: under.work.finish(dict(request.query_params)), _WAY)
        if role_by(self._guard.http.entra, name) is None:
            self._guard.refuse(request, name, _WAY, "not among http.entra.operators or viewers")
            return _refused(
                f"You are {name}, who may not sign in here.", status=403,
                remedy="Ask an operator to name you under http.entra.operators or http.entra.viewers, and to reload.",
            )  # fmt: skip
        # The session's cookie is for requests of the relay's own pages: this page makes the next one such a request.
        answer = render(None, "onward.html", title="Signed in", target=under.target)
        self._guard.let_in(request, answer, Session(name, _WAY), secure=self._is_https)
        answer.delete_cookie(COOKIE, path=PATH)
        return answer

    @property
    def _is_https(self) -> bool:
        return self._guard.http.public_url.startswith("https:")


def _refused(what: str, said: str = "", remedy: str = "", status: int = 403) -> Response:
    return render(None, "not-signed-in.html", status=status, what=what, said=said, remedy=remedy)
