"""Who is at the door: a program's token, a name from the reverse proxy, a session's cookie.

One for a running relay, whatever a reload does to its listener. What somebody may do is looked up for every request:
who is removed, or loses a role, is so at once.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from relay.control.accounts import NAME, Accounts, AccountsError, differing
from relay.control.who import Role, Who
from relay.policy.pattern import any_of
from relay.web.origin import address_of, bearer, is_https, opened_at, peer, trusted
from relay.web.sessions import COOKIE, SECURE_COOKIE, Session, Sessions
from relay.web.setup_token import SetupToken
from relay.web.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from relay.config.dashboard import EntraSignIn, Http, ProxySignIn
    from relay.control.running import Control
    from relay.telemetry.journal import Journal

_LONGEST_NAME = 320
_INVITATION = "nobody can sign in: open it once to make the first operator; or run: relay admin password NAME"


class Guard:
    """Asked before everything but probes and the sign-in itself."""

    def __init__(self, control: Control, clock: Callable[[], float] = time.monotonic) -> None:
        self._control = control
        self._clock = clock
        self.sessions = Sessions(clock)
        self.setup = SetupToken()
        self._opened_at = ""
        self.throttle = Throttle(clock)
        self._accounts: tuple[tuple[int, int, int], Accounts] | None = None
        self._noticed: Accounts | None = None
        self._proxied: dict[str, float] = {}

    @property
    def http(self) -> Http:
        """The options in force."""
        return self._control.settings.http

    async def accounts(self) -> Accounts:
        """As they are now. Raises `AccountsError`."""
        accounts = await asyncio.to_thread(self._read, self._control.settings.data_dir)
        before, self._noticed = self._noticed, accounts
        if before is not None and (changed := differing(before, accounts)):
            self._journal.service("web.accounts_changed", accounts=changed)
        self._invite(accounts)
        return accounts

    async def invite(self, address: str) -> None:
        """Tells in the log how the first operator is made, where nobody else could let one in; again when the last
        person is removed.
        """
        self.setup.end()
        self._opened_at = opened_at(address, self.http)
        try:
            if self.http.dashboard and not self._others:
                await self.accounts()
        except AccountsError as error:
            self._journal.service("http.failed", level="error", reason="nobody can sign in", remedy=str(error))

    async def who(self, request: Request) -> Who | None:
        """Who asks; None for nobody known. Raises `AccountsError`."""
        token = bearer(request.headers)
        if token is not None:
            owner = (await self.accounts()).owner_of(token)
            return Who(*owner, "token") if owner else None
        return self._by_proxy(request) or await self._by_session(request)

    def knows(self, request: Request) -> bool:
        """Whether a browser has sent by itself what may tell who asks."""
        return bool(self.cookie(request)) or bool(self._named(request))

    def cookie(self, request: Request) -> str:
        """The session's; empty without one. A cookie without https is none with it."""
        names = (SECURE_COOKIE,) if is_https(request, self.http) else (SECURE_COOKIE, COOKIE)
        return next((request.cookies[name] for name in names if request.cookies.get(name)), "")

    def now(self) -> float:
        """By the clock of the sessions."""
        return self._clock()

    def let_in(self, request: Request, answer: Response, session: Session, *, secure: bool = False) -> None:
        """Begins a session; the answer carries its cookie. `secure`: it is known that the browser speaks https."""
        self.sessions.end(self.cookie(request))
        seconds = self.http.session_s
        secure = secure or is_https(request, self.http)
        answer.set_cookie(
            SECURE_COOKIE if secure else COOKIE, self.sessions.begin(session, seconds), max_age=seconds,
            httponly=True, samesite="strict", secure=secure,
        )  # fmt: skip
        self._tell("web.signed_in", request, session.name, session.way)

    def let_out(self, request: Request, answer: Response) -> None:
        """Ends the session, if there is one."""
        session = self.sessions.end(self.cookie(request))
        answer.delete_cookie(COOKIE)
        answer.delete_cookie(SECURE_COOKIE, secure=True)
        if session is not None:
            self._tell("web.signed_out", request, session.name, session.way)

    def refuse(self, request: Request, name: str, way: str, reason: str) -> None:
        """Somebody could not sign in."""
        self._tell("web.sign_in_refused", request, name, way, level="warning", reason=reason)

    def _tell(
        self, event: str, request: Request, name: str, way: str, *, level: str = "info", reason: str = ""
    ) -> None:
        """One line of the journal about a person."""
        address = address_of(request, self.http)
        self._journal.service(event, level=level, name=name[:_LONGEST_NAME], address=address, way=way, reason=reason)

    @property
    def _journal(self) -> Journal:
        return self._control.hands.journal

    @property
    def _others(self) -> bool:
        """Whether the configuration names operators, who could let one in."""
        return any(listed is not None and listed.operators for listed in (self.http.entra, self.http.proxy))

    def _invite(self, accounts: Accounts) -> None:
        """A token once while there is nobody; what an earlier one was good for is over with the first person."""
        if self._others or accounts.people or not self.http.dashboard:
            self.setup.end()
        elif self._opened_at and not self.setup.waits:
            url = f"{self._opened_at}/setup?token={self.setup.new()}"
            self._journal.service("web.setup", level="warning", address=url, remedy=_INVITATION)

    # -- each way

    def _by_proxy(self, request: Request) -> Who | None:
        name = self._named(request)
        role = role_by(self.http.proxy, name) if name else None
        if role is None:
            return None
        now = self._clock()
        if self._proxied.get(name, now) <= now:
            self._proxied = {one: until for one, until in self._proxied.items() if until > now}
            self._proxied[name] = now + self.http.session_s
            self._tell("web.signed_in", request, name, "proxy")
        return Who(name, role, "proxy")

    def _named(self, request: Request) -> str:
        """Whom the reverse proxy names, if it is one that may; two names are none."""
        proxy = self.http.proxy
        if proxy is None or not trusted(peer(request), self.http):
            return ""
        names = request.headers.getlist(proxy.header)
        return names[0].strip() if len(names) == 1 else ""

    async def _by_session(self, request: Request) -> Who | None:
        cookie = self.cookie(request)
        session = self.sessions.of(cookie) if cookie else None
        if session is None:
            return None
        role = await self._role(session)
        if role is None:
            self.sessions.end(cookie)
            return None
        return Who(session.name, role, session.way)

    async def _role(self, session: Session) -> Role | None:
        """What the person may do now."""
        if session.way == "entra":
            return role_by(self.http.entra, session.name)
        person = (await self.accounts()).people.get(session.name)
        return Role(person["role"]) if person and person["password_hash"] == session.proof else None

    def _read(self, data_dir: Path) -> Accounts:
        """The file again only when it is another one."""
        try:
            found = (data_dir / NAME).stat()
        except OSError:
            return Accounts.read(data_dir)
        mark = (found.st_ino, found.st_mtime_ns, found.st_size)
        if self._accounts is None or self._accounts[0] != mark:
            self._accounts = (mark, Accounts.read(data_dir))
        return self._accounts[1]


def role_by(listed: EntraSignIn | ProxySignIn | None, name: str) -> Role | None:
    """The role of a name by the patterns of the configuration; operators first."""
    if listed is None:
        return None
    for role, patterns in ((Role.OPERATOR, listed.operators), (Role.VIEWER, listed.viewers)):
        if patterns and any_of(patterns).match(name.lower()):
            return role
    return None
