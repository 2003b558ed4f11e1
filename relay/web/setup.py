"""The first start: who has read the log makes the first operator, once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from relay.control.accounts import AccountsError, changing, name_objection, objection
from relay.control.who import Role
from relay.web.form import typed
from relay.web.render import render
from relay.web.sessions import Session

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

    from relay.control.running import Control
    from relay.web.guard import Guard

_DEAD = (
    "This address makes the first operator once, while there is nobody, and only until the relay is started again. "
    "Look for the last line web.setup in the relay's log, or run: relay admin password NAME"
)


class Setup:
    """The page that the log names."""

    def __init__(self, control: Control, guard: Guard) -> None:
        self._control = control
        self._guard = guard

    def routes(self) -> list[Route]:
        """Its path."""
        return [Route("/setup", self.page), Route("/setup", self.made, methods=["POST"])]

    async def page(self, request: Request) -> Response:
        """The form."""
        token = request.query_params.get("token", "")
        return await self._dead(token) or render(None, "setup.html", token=token, name="", words="")

    async def made(self, request: Request) -> Response:
        """Name, and the password twice."""
        form = await typed(request)
        token, name = form.get("token", ""), form.get("name", "").strip()
        if dead := await self._dead(token):
            return dead
        if words := _objection(name, form.get("password", ""), form.get("again", "")):
            return render(None, "setup.html", status=400, token=token, name=name, words=words)
        try:
            line = await asyncio.to_thread(_first, self._control.settings.data_dir, name, form["password"])
        except AccountsError as error:
            return render(None, "setup.html", status=503, token=token, name=name, words=str(error))
        if not line:
            return _over()
        self._guard.setup.end()
        answer = RedirectResponse("/", 303)
        self._guard.let_in(request, answer, Session(name, "password", line))
        return answer

    async def _dead(self, token: str) -> Response | None:
        """An answer where the token is of no use (any more)."""
        await self._guard.accounts()  # which ends the token where there is somebody
        return None if self._guard.setup.is_it(token) else _over()


def _objection(name: str, password: str, again: str) -> str:
    if words := name_objection(name) or objection(password):
        return words
    return "" if password == again else "The two passwords differ."


def _first(data_dir: Path, name: str, password: str) -> str:
    """The line of the password of the first operator; empty where there is somebody already."""
    with changing(data_dir) as accounts:
        if accounts.people:
            return ""
        accounts.set_password(name, password, Role.OPERATOR)
        return accounts.people[name]["password_hash"]


def _over() -> Response:
    return render(None, "refused.html", status=403, title="This address is over", words=_DEAD)
