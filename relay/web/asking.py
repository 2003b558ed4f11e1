"""What a call is asked: path, query and JSON body as the dataclass of its question."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from relay.web.call import JSON

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from relay.web.call import Call

MOST_OCTETS = 1 << 20
READ_ONLY = ("GET", "HEAD")


class BadBody(ValueError):  # noqa: N818  (named for what it is)
    """The body is not what a call can take."""

    def __init__(self, status: int, text: str, remedy: str) -> None:
        super().__init__(text)
        self.status = status
        self.remedy = remedy


async def question_of(call: Call, request: Request) -> Any:
    """The question; None for a call that has none. Raises `BadBody`, `ValueError`, `pydantic.ValidationError`.

    What comes in a body is what its type says: a number in quotes is no number there.
    """
    reading = request.method in READ_ONLY
    given = (_query(call, request) if reading else await _body(request)) | request.path_params
    _check(call, given)
    if call.question is None:
        return None
    adapter = _adapter(call.question)
    return adapter.validate_python(given) if reading else adapter.validate_json(json.dumps(given), strict=True)


def _check(call: Call, given: Mapping[str, Any]) -> None:
    """Raises `ValueError` for what the call does not know."""
    known = {field.name for field in fields(call.question)} if call.question else set()
    if unknown := given.keys() - known:
        knows = f"it knows {', '.join(sorted(known))}" if known else "it is asked nothing"
        raise ValueError(f"this call knows no {', '.join(sorted(unknown))}; {knows}")


def _query(call: Call, request: Request) -> dict[str, Any]:
    return {name: _values(call, name, request.query_params.getlist(name)) for name in request.query_params}


def _values(call: Call, name: str, values: list[str]) -> Any:
    """A field that is a list may be named several times."""
    known = fields(call.question) if call.question else ()
    kind = next((str(field.type) for field in known if field.name == name), "")
    return values if "tuple[" in kind or "list[" in kind else values[-1]


async def _body(request: Request) -> dict[str, Any]:
    octets = bytearray()
    async for piece in request.stream():
        octets += piece
        if len(octets) > MOST_OCTETS:
            raise BadBody(413, f"the body has more than {MOST_OCTETS} octets", "send less at once")
    if not octets:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise BadBody(415, f"the body is {kind or 'of no type'}", f"send JSON: Content-Type: {JSON}")
    try:
        said = json.loads(octets, parse_constant=_no_number, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise BadBody(400, f"the body is no JSON: {error}", "send a JSON object in UTF-8") from None
    if not isinstance(said, dict):
        raise BadBody(400, "the body is no JSON object", "send a JSON object in UTF-8")
    return said


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _number(text: str) -> float:
    """JSON knows one kind of number: 5.0 is the whole number 5."""
    value = float(text)
    return int(value) if value.is_integer() else value


@cache
def _adapter(question: type) -> TypeAdapter[Any]:
    return TypeAdapter(question)
