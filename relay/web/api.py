"""The JSON API: each call of the table as a route. Every refusal is JSON with `error` and `remedy`."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from relay.control.caller import Refused
from relay.control.queue import SpoolError
from relay.web.calls import CALLS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from relay.control.running import Control
    from relay.web.call import Call
    from relay.web.guard import Guard

PREFIX = "/api/v1"
MOST_OCTETS = 1 << 20
_READ_ONLY = ("GET", "HEAD")


def routes(control: Control, guard: Guard) -> list[Route]:
    """One route a call."""
    return [_route(call, control, guard) for call in CALLS]


def _route(call: Call, control: Control, guard: Guard) -> Route:
    async def endpoint(request: Request) -> Response:
        return await _answer(call, control, guard, request)

    return Route(PREFIX + call.path, endpoint, methods=[call.method], name=call.name)


async def _answer(call: Call, control: Control, guard: Guard, request: Request) -> Response:
    who = await guard.who(request)
    if who is None:
        answer = refused(401, "nobody is signed in", "send a token: Authorization: Bearer …; see `relay admin token`")
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    if not who.may(call.scope):
        return refused(403, f"{who.name} is a {who.role}", f"this call needs the role {call.scope}")
    try:
        question = await _question(call, request)
        answer = await call.handler(control, question, who)
    except ValidationError as error:
        return refused(400, _complaints(error), "send what the document of the API says")
    except ValueError as error:
        return refused(400, str(error), "send what the document of the API says")
    except LookupError as error:
        return refused(404, str(error.args[0]) if error.args else "not found", "look at the list again")
    except Refused as error:
        return refused(409, error.error, error.remedy)
    except SpoolError as error:
        return refused(503, str(error), error.remedy)
    return JSONResponse(asdict(answer) if is_dataclass(answer) and not isinstance(answer, type) else answer)


def refused(status: int, error: str, remedy: str) -> JSONResponse:
    """An answer that says no."""
    return JSONResponse({"error": error, "remedy": remedy}, status)


async def _question(call: Call, request: Request) -> Any:
    if call.question is None:
        return None
    given = {**(await _said(call, request)), **request.path_params}
    known = {field.name for field in fields(call.question)}
    if unknown := given.keys() - known:
        raise ValueError(f"this call knows no {', '.join(sorted(unknown))}; it knows {', '.join(sorted(known))}")
    return _adapter(call.question).validate_python(given)


async def _said(call: Call, request: Request) -> Mapping[str, Any]:
    if call.method in _READ_ONLY:
        return {name: _values(call, name, request.query_params.getlist(name)) for name in request.query_params}
    octets = b""
    async for piece in request.stream():
        octets += piece
        if len(octets) > MOST_OCTETS:
            raise ValueError(f"the body has more than {MOST_OCTETS} octets")
    said = json.loads(octets or b"{}")
    if not isinstance(said, dict):
        raise ValueError("the body is no JSON object")  # noqa: TRY004  (bad input, not a mistake of ours)
    return said


def _values(call: Call, name: str, values: list[str]) -> Any:
    """A field that is a list may be named several times."""
    assert call.question is not None
    kind = next((str(field.type) for field in fields(call.question) if field.name == name), "")
    return values if "tuple[" in kind or "list[" in kind else values[-1]


@cache
def _adapter(question: type) -> TypeAdapter[Any]:
    return TypeAdapter(question)


def _complaints(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False))
