"""Signing in with name and password, and signing out."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from relay.control.accounts import LONGEST, AccountsError
from relay.web.form import typed
from relay.web.origin import address_of, inside
from relay.web.render import render
from relay.web.sessions import Session
from relay.web.throttle import TooMany

if TYPE_CHECKING:
    from starlette.requests import Request

    from relay.web.guard import Guard

_WRONG = "Name or password is wrong."
_WAY = "password"
_LONGEST_NAME = 100  # more than any name has: ten thousand names that failed are remembered


class Signing:
    """The pages that nobody needs to be signed in for."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._throttle = guard.throttle

    def routes(self) -> list[Route]:
        """Their paths."""
        return [
            Route("/sign-in", self.page),
            Route("/sign-in", self.sign_in, methods=["POST"]),
            Route("/sign-out", self.sign_out, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """The form."""
        with contextlib.suppress(AccountsError):  # Microsoft's way in may be open, and a password is told what is wrong
            await self._guard.accounts()  # where the last person was removed, the log gets an address for the next one
        return self._form(request.query_params.get("next", "/"))

    async def sign_in(self, request: Request) -> Response:
        """Name and password."""
        form = await typed(request)
        name, password, target = (form.get(field, "") for field in ("name", "password", "next"))
        name = name[:_LONGEST_NAME]
        try:
            session = await self._proven(request, name, password)
        except TooMany as error:
            self._guard.refuse(request, name, _WAY, str(error))
            words = f"Too many wrong passwords. Try again in {error.wait_s:.0f} seconds."
            answer = self._form(target, words, 429)
            answer.headers["Retry-After"] = f"{error.wait_s + 0.5:.0f}"
            return answer
        if session is None:
            return self._form(target, _WRONG, 401)
        answer = RedirectResponse(inside(target), 303)
        self._guard.let_in(request, answer, session)
        return answer

    async def sign_out(self, request: Request) -> Response:
        """Ends the session."""
        answer = RedirectResponse("/sign-in", 303)
        self._guard.let_out(request, answer)
        return answer

    async def _proven(self, request: Request, name: str, password: str) -> Session | None:
        """Whose password that is. Raises `TooMany`, `AccountsError`."""
        address = address_of(request, self._guard.http)
        async with self._throttle.turn(address, name):
            accounts = await self._guard.accounts()
            role = await asyncio.to_thread(accounts.role_of, name, password[: LONGEST + 1])
        if role is not None:
            self._throttle.succeeded(address, name)
            return Session(name, _WAY, accounts.people[name]["password_hash"])
        self._guard.refuse(request, name, _WAY, _WRONG)
        await self._throttle.failed(address, name)
        return None

    def _form(self, target: str, words: str = "", status: int = 200) -> Response:
        http = self._guard.http
        return render(
            None, "sign-in.html", status=status, next=inside(target), words=words, setup=self._guard.setup.waits,
            entra=http.entra is not None,
        )  # fmt: skip
