"""Who is at the door: a session's cookie, a token. Nothing but probes and the sign-in itself is answered to nobody."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from relay.control.accounts import Accounts
from relay.control.who import Who
from relay.web.sessions import COOKIE, Sessions

if TYPE_CHECKING:
    from starlette.requests import Request

    from relay.control.running import Control


class Guard:
    """One for a running server."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self.sessions = Sessions()

    async def accounts(self) -> Accounts:
        """As they are now. Raises `OSError`, `ValueError`."""
        return await asyncio.to_thread(Accounts.read, self._control.settings.data_dir)

    async def who(self, request: Request) -> Who | None:
        """Who asks; None for nobody known."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            owner = (await self.accounts()).owner_of(token.strip())
            return Who(*owner, "token") if owner else None
        return self.sessions.who(request.cookies.get(COOKIE, ""))
