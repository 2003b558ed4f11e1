"""Sender profiles: how they are, PowerShell for the tenant, and the sign-in of a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response

from relay.control.caller import Refused
from relay.control.who import Role
from relay.web.calls import profiles as calls
from relay.web.page import Page, Visit
from relay.web.pages.overview import PROFILE_WORDS
from relay.web.pages.refusing import refusing
from relay.web.render import render

if TYPE_CHECKING:
    from relay.control.sign_ins import Way

_STATES = {state: mark for state, (mark, _) in PROFILE_WORDS.items()}
_WORDS = {state: words for state, (_, words) in PROFILE_WORDS.items()}


@refusing
async def profiles(visit: Visit) -> Response:
    """All of them."""
    found = await calls.profiles(visit.control, None, visit.who)
    return render(visit, "profiles.html", found=found.profiles, states=_STATES, words=_WORDS)


@refusing
async def profile(visit: Visit) -> Response:
    """One of them."""
    one = await calls.profile(visit.control, calls.Named(_name(visit)), visit.who)
    return render(visit, "profile.html", one=one, states=_STATES, words=_WORDS)


@refusing
async def powershell(visit: Visit) -> Response:
    """What has to be set up in the tenant."""
    classic = visit.asked("classic") in ("1", "true", "on")
    setup = await calls.powershell(visit.control, calls.Way(_name(visit), classic), visit.who)
    return render(visit, "powershell.html", setup=setup)


@refusing
async def authorize(visit: Visit) -> Response:
    """How the sign-in stands that was begun here, and how to begin one."""
    return await _sign_in(visit)


@refusing
async def authorize_begin(visit: Visit) -> Response:
    """Asks Entra for the address or the code."""
    form = await visit.form()
    way: Way = "device" if form.get("way") == ["device"] else "browser"
    try:
        await calls.authorize(visit.control, calls.Begin(_name(visit), way, _origin(visit)), visit.who)
    except Refused as error:
        return await _sign_in(visit, refused=error, status=409)
    return RedirectResponse(visit.request.url.path, 303)


@refusing
async def authorize_answer(visit: Visit) -> Response:
    """The pasted address."""
    form = await visit.form()
    try:
        await calls.authorize_answer(visit.control, calls.Pasted(_name(visit), form.get("address", [""])[0]), visit.who)
    except ValueError as error:
        return await _sign_in(visit, complaint=str(error), status=400)
    return RedirectResponse(visit.request.url.path.removesuffix("/answer"), 303)


async def _sign_in(visit: Visit, *, refused: Refused | None = None, complaint: str = "", status: int = 200) -> Response:
    one = await calls.profile(visit.control, calls.Named(_name(visit)), visit.who)
    try:
        begun = await calls.authorize_state(visit.control, calls.Named(one.name), visit.who)
    except LookupError:
        begun = None
    if visit.live and begun is not None and begun.state == "waiting":
        return Response(status_code=204)  # nothing new: what somebody reads or types stays
    return render(visit, "authorize.html", status=status, one=one, begun=begun, refused=refused, complaint=complaint)


def _name(visit: Visit) -> str:
    return str(visit.request.path_params["name"])


def _origin(visit: Visit) -> str:
    """The dashboard's address as this browser knows it."""
    return f"{visit.request.url.scheme}://{visit.request.headers.get('host', '')}"


PAGES = (
    Page("/profiles", profiles),
    Page("/profiles/{name}", profile),
    Page("/profiles/{name}/powershell", powershell),
    Page("/profiles/{name}/authorize", authorize, Role.OPERATOR),
    Page("/profiles/{name}/authorize", authorize_begin, Role.OPERATOR, ("POST",)),
    Page("/profiles/{name}/authorize/answer", authorize_answer, Role.OPERATOR, ("POST",)),
)
