"""The JSON API: each call of the table as a route. Every refusal is JSON with `error` and `remedy`."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from relay.control.caller import Refused
from relay.control.queue import SpoolError
from relay.web.answering import PREFIX, answered, refused
from relay.web.asking import BadBody, question_of
from relay.web.call import Attachment
from relay.web.calls import CALLS

if TYPE_CHECKING:
    from starlette.requests import Request

    from relay.control.running import Control
    from relay.web.call import Call
    from relay.web.guard import Guard

DOCUMENT = f"{PREFIX}/openapi.json"
_SAID = "send what the document of the API says (/api/v1/openapi.json)"
_TOKEN = "send a token: Authorization: Bearer …; see `relay admin token`"
_AGAIN_S = "5"


def routes(control: Control, guard: Guard) -> list[Route]:
    """One route a call, those without a name in their path first; the last one says what there is not."""
    calls = sorted(CALLS, key=lambda call: "{" in call.path)
    return [*(_route(call, control, guard) for call in calls), _document(guard), _nothing(guard)]


def _route(call: Call, control: Control, guard: Guard) -> Route:
    async def endpoint(request: Request) -> Response:
        return await _allowed(call, guard, request) or await _answer(call, control, request)

    return Route(PREFIX + call.path, endpoint, methods=[call.method], name=call.name)


def _document(guard: Guard) -> Route:
    async def endpoint(request: Request) -> Response:
        from relay.web.openapi import document  # few ask for it

        if await guard.who(request) is None:
            return _nobody()
        return answered(document())

    return Route(DOCUMENT, endpoint, methods=["GET"], name="openapi")


def _nothing(guard: Guard) -> Route:
    """For a path or a method that no call has."""
    paths = [*((PREFIX + call.path, call.method) for call in CALLS), (DOCUMENT, "GET")]
    known = [(re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path.replace(".", r"\."))), method) for path, method in paths]

    async def endpoint(request: Request) -> Response:
        if await guard.who(request) is None:
            return _nobody()
        methods = {method for path, method in known if path.fullmatch(request.url.path)}
        if methods:
            allowed = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
            answer = refused(405, f"{request.method} is not among the methods of this path", f"use {allowed}")
            answer.headers["Allow"] = allowed
            return answer
        return refused(404, f"the API has no {request.url.path}", f"GET {DOCUMENT} has every path")

    route = Route(PREFIX + "/{path:path}", endpoint, name="nothing")
    route.methods = None  # every one; None at its making would be GET alone
    return route


async def _allowed(call: Call, guard: Guard, request: Request) -> Response | None:
    """Why not; None for who may."""
    who = await guard.who(request)
    if who is None:
        return _nobody()
    if not who.may(call.scope):
        return refused(403, f"{who.name} is a {who.role}", f"this call needs the role {call.scope}")
    request.state.who = who
    return None


def _nobody() -> Response:
    answer = refused(401, "nobody is signed in", _TOKEN)
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


async def _answer(call: Call, control: Control, request: Request) -> Response:
    try:
        question = await question_of(call, request)
        answer = await call.handler(control, question, request.state.who)
    except Exception as error:
        no = _refusal(error)
        if no is None:
            raise
        return no
    if isinstance(answer, Attachment):
        named = {"Content-Disposition": f'attachment; filename="{answer.name}"'}
        return StreamingResponse(answer.pieces, media_type=call.media, headers=named)
    return await asyncio.to_thread(_written, answer)  # options of a thousand devices take longer than a device waits


def _written(answer: Any) -> Response:
    return answered(asdict(answer) if is_dataclass(answer) and not isinstance(answer, type) else answer)


def _refusal(error: Exception) -> Response | None:
    """What whoever asked is to hear; None for a mistake of ours."""
    match error:
        case BadBody():
            return refused(error.status, str(error), error.remedy)
        case ClientDisconnect():
            return refused(400, "the body ended early", _SAID)
        case ValidationError():
            return refused(400, _complaints(error), _SAID)
        case Refused():
            return refused(409, error.error, error.remedy)
        case SpoolError():
            answer = refused(503, str(error), error.remedy)
            answer.headers["Retry-After"] = _AGAIN_S
            return answer
        case KeyError() | IndexError():
            return None
        case LookupError():
            return refused(404, str(error.args[0]) if error.args else "not found", "look at the list again")
        case ValueError() | OverflowError():
            return refused(400, str(error), _SAID)
    return None


def _complaints(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False))
