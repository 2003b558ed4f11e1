"""Sign-ins for delegated profiles that were begun at the dashboard: the browser comes back, or its address is pasted.

Each belongs to the operator who began it: nobody else sees its address, state or outcome, or pastes an answer to it.
The browser's own return needs no session, because it comes from another site (and perhaps to another name of this
machine): there the `state` is the proof. It is random, good once and for fifteen minutes, shown to that operator alone,
and of no use without the PKCE verifier, which never leaves this process. Whoever signs in must be the profile's person.

Belongs to the relay's loop; questions to Entra block in threads of their own.
"""

from __future__ import annotations

import time
from asyncio import get_running_loop
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from relay.control.aside import aside
from relay.control.caller import Refused
from relay.control.returned import parameters
from relay.control.status import when

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from relay.config.settings import Settings
    from relay.control.authorize import Authorization, AuthorizeError
    from relay.telemetry.journal import Journal

OPEN_S = 900.0
MOST = 30
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Way = Literal["browser", "device"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """One sign-in of a person for a profile."""

    profile: Annotated[str, "its name"]
    person: Annotated[str, "who has to sign in"]
    way: Annotated[str, "browser or device (a code typed elsewhere)"]
    state: Annotated[str, "waiting, done or failed"]
    address: Annotated[str, "where the person goes in a browser"]
    code: Annotated[str, "what is typed there, by way of device"]
    comes_back: Annotated[bool, "whether the browser comes back to the dashboard by itself; else its address is pasted"]
    redirect_uri: Annotated[str, "where the browser ends; empty by way of device"]
    until: Annotated[str, "when it is given up"]
    told: Annotated[list[str], "who signed in and where that is kept, when it is done"]
    error: Annotated[str, "why nobody was signed in"]
    answer: Annotated[str, "what Entra said"]
    remedy: Annotated[str, "what to do"]


@dataclass(slots=True)
class _Begun:
    """One that was begun. `busy` while an answer is traded for tokens."""

    profile: str
    who: str
    way: Way
    origin: str
    until: float
    authorization: Authorization
    address: str = ""
    code: str = ""
    redirect_uri: str = ""
    comes_back: bool = False
    busy: bool = False
    told: list[str] = field(default_factory=list)
    error: AuthorizeError | None = None

    def ends(self, now: float) -> bool:
        return bool(self.told) or self.error is not None or now > self.until


@dataclass(frozen=True, slots=True)
class Landed:
    """What the browser that came back is told, and where its dashboard is."""

    sign_in: SignIn
    origin: str


class SignIns:
    """All of one running relay. `kept(profiles)` is told when a sign-in was kept, in the loop."""

    def __init__(
        self, settings: Callable[[], Settings], journal: Journal, kept: Callable[[list[str]], None],
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._journal = journal
        self._kept = kept
        self._clock = clock
        self._begun: dict[tuple[str, str], _Begun] = {}
        self._polls: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def begin(self, profile: str, who: str, way: Way, origin: str) -> SignIn:
        """One for each operator and profile: a new one ends the one before. `origin`: of the dashboard in the browser,
        empty where the answer will be pasted. Raises `LookupError`, `Refused`.
        """
        self._forget()
        settings = self._settings()
        if profile not in settings.profiles:
            raise LookupError(f"there is no profile {profile}; there are {', '.join(settings.profiles)}")
        if len(self._begun) >= MOST:
            raise Refused(f"{MOST} sign-ins wait already", "finish one, or wait for fifteen minutes")
        from relay.control.authorize import AuthorizeError  # not before somebody asks: it has its price in memory

        try:
            begun = await aside(lambda: self._opened(settings, profile, who, way, origin), "authorize")
        except AuthorizeError as error:
            raise Refused(*_words(error)) from error
        self._begun[who, profile] = begun
        if way == "device":
            self._poll(begun)
        return self._shown(begun)

    def of(self, profile: str, who: str) -> SignIn:
        """As it stands. Raises `LookupError`."""
        self._forget()
        begun = self._begun.get((who, profile))
        if begun is None:
            raise LookupError(f"you have begun no sign-in for profile {profile}, or it is over; begin one")
        return self._shown(begun)

    async def pasted(self, profile: str, who: str, address: str) -> SignIn:
        """The address that the browser ended at. Raises `LookupError`, `ValueError` for what is none."""
        self.of(profile, who)
        begun = self._begun[who, profile]
        answer = parameters(address)
        if complaint := _complaint(begun, answer):
            raise ValueError(complaint)
        await self._finish(begun, answer)
        return self._shown(begun)

    async def returned(self, answer: Mapping[str, str]) -> Landed | None:
        """The browser came back with this; None when it is the answer to no sign-in that waits."""
        self._forget()
        mine = (each for each in self._begun.values() if each.way == "browser" and each.authorization.is_mine(answer))
        begun = next(mine, None)
        if begun is None:
            return None
        await self._finish(begun, answer)
        return Landed(self._shown(begun), begun.origin)

    async def stop(self) -> None:
        """The relay stops: nobody is waited for."""
        self._stopping = True
        for task in self._polls:
            task.cancel()

    # -- one sign-in

    def _opened(self, settings: Settings, profile: str, who: str, way: Way, origin: str) -> _Begun:
        """Asks Entra. Raises `AuthorizeError`."""
        from relay.control.authorize import Authorization

        authorization = Authorization(settings, profile)
        begun = _Begun(profile, who, way, origin, self._clock() + OPEN_S, authorization)
        if way == "device":
            device = authorization.begin_device()
            begun.address, begun.code = device.url, device.code
            begun.until = min(begun.until, device.expires_at)
            return begun
        back = returns_to(authorization, origin, settings.http.public_url)
        begun.comes_back, begun.redirect_uri = bool(back), back or authorization.redirect_uri
        begun.address = authorization.begin(begun.redirect_uri)
        return begun

    async def _finish(self, begun: _Begun, answer: Mapping[str, str]) -> None:
        """Once: a second answer, or one while the first is traded, changes nothing."""
        if begun.busy or begun.ends(self._clock()):
            return
        begun.busy = True
        try:
            await self._trade(begun, lambda: begun.authorization.finish(answer))
        finally:
            begun.busy = False

    async def _trade(self, begun: _Begun, finish: Callable[[], list[str]]) -> None:
        from relay.control.authorize import AuthorizeError

        try:
            begun.told = await aside(finish, "authorize")
        except AuthorizeError as error:
            begun.error = error
            return
        profiles = [begun.profile, *begun.authorization.sharing]
        for profile in profiles:
            self._journal.service(
                "signin.kept", profile=profile, person=begun.authorization.person, who=begun.who, way=begun.way
            )
        self._kept(profiles)

    def _poll(self, begun: _Begun) -> None:
        """By a code that is typed elsewhere nobody comes back: Entra is asked until then."""

        def given_up() -> bool:
            replaced = self._begun.get((begun.who, begun.profile)) is not begun
            return self._stopping or replaced or self._clock() > begun.until

        work = self._trade(begun, lambda: begun.authorization.finish_device(given_up))
        task = get_running_loop().create_task(work, name="device code")
        self._polls.add(task)
        task.add_done_callback(self._polls.discard)

    def _shown(self, begun: _Begun) -> SignIn:
        error, remedy = _words(begun.error) if begun.error else ("", "")
        if begun.error is None and not begun.told and self._clock() > begun.until:
            error, remedy = "nobody signed in in time, and nothing has changed", "begin again"
        return SignIn(
            profile=begun.profile, person=begun.authorization.person, way=begun.way,
            state="done" if begun.told else "failed" if error else "waiting", address=begun.address, code=begun.code,
            comes_back=begun.comes_back, redirect_uri=begun.redirect_uri, until=when(begun.until), told=begun.told,
            error=error, answer=begun.error.answer if begun.error else "", remedy=remedy,
        )  # fmt: skip

    def _forget(self) -> None:
        """What is over is shown for as long again."""
        long_ago = self._clock() - OPEN_S
        self._begun = {key: each for key, each in self._begun.items() if each.until > long_ago}


def returns_to(authorization: Authorization, origin: str, public_url: str) -> str:
    """The redirect address that brings the browser back to the dashboard; empty where none of the app does.

    Of a loopback address Entra compares no port, so that the dashboard's own will do where the browser knows it by a
    loopback name. Any other has to be registered exactly so, below `http.public_url`.
    """
    here = urlsplit(origin)
    if authorization.returns_here and here.scheme == "http" and (here.hostname or "") in _LOOPBACK:
        return authorization.redirect_at(here.port or 80)
    there, public = urlsplit(authorization.redirect_uri), urlsplit(public_url)
    mine = public_url and (there.scheme, there.netloc.lower()) == (public.scheme, public.netloc.lower())
    return authorization.redirect_uri if mine else ""


def _complaint(begun: _Begun, answer: Mapping[str, str]) -> str:
    if begun.way == "device":
        return "this sign-in is by a code: there is no address to paste"
    if "code_challenge" in answer:
        return "this is the address to open, not the one the browser ends at after the sign-in; paste that one"
    if "state" not in answer or not ("code" in answer or "error" in answer):
        return "this is not the whole address: it has code=… and state=… in it; paste it again"
    if not begun.authorization.is_mine(answer):
        return "this address belongs to another sign-in, perhaps an earlier try; open the address shown, then paste"
    return ""


def _words(error: AuthorizeError) -> tuple[str, str]:
    """What happened, and what to do."""
    return (error.meaning or str(error)), error.remedy
