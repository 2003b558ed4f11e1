"""The OpenAPI 3.1 document of the API, printed from the table of calls: `python -m relay.web.openapi`."""

from __future__ import annotations

import json
import re
import sys
from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any

from relay import __version__
from relay.web.call import JSON
from relay.web.calls import CALLS
from relay.web.schemas import REF, Schema, schemas_of

if TYPE_CHECKING:
    from relay.web.call import Call

ABOUT = (
    "Everything the dashboard shows and does. Sign in with a token (`relay admin token`) in `Authorization: Bearer …`; "
    "a viewer may ask, an operator may also act (`x-role`). Times are ISO 8601 in UTC. Every refusal has `error` and "
    "`remedy`. Fields are added in later versions, none changes its meaning."
)
_PATH_NAME = re.compile(r"\{(\w+)(?::\w+)?\}")
_ERROR = {
    "type": "object",
    "description": "Why not, and what to do.",
    "properties": {
        "error": {"type": "string", "description": "what is wrong"},
        "remedy": {"type": "string", "description": "what to do"},
    },
    "required": ["error", "remedy"],
    "additionalProperties": False,
}
_REFUSALS = {
    400: "What is asked makes no sense.", 401: "Nobody is signed in.", 403: "The role is not enough.",
    404: "There is no such thing.", 409: "Not as things are.", 503: "Not now; Retry-After says when.",
}  # fmt: skip
_OF_BODIES = {413: "The body is too large.", 415: "The body is no JSON."}


@cache
def document() -> dict[str, Any]:
    """The whole of it, for JSON."""
    asked = {call.question for call in CALLS if call.question}
    names, schemas = schemas_of(
        sorted(asked, key=lambda kind: kind.__name__), [call.answer for call in CALLS if call.media == JSON]
    )
    questions = {kind: schemas.pop(names[kind]) for kind in asked}
    paths: dict[str, dict[str, Any]] = {}
    for call in CALLS:
        question = deepcopy(questions.get(call.question, {})) if call.question else {}
        paths.setdefault(_path(call), {})[call.method.lower()] = _operation(call, question, names)
    return {
        "openapi": "3.1.0",
        "info": {"title": "relay", "version": __version__, "description": ABOUT},
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "`relay admin token`"}},
            "responses": {
                str(status): {"description": words, "content": {JSON: {"schema": {"$ref": REF.format(model="Error")}}}}
                for status, words in (_REFUSALS | _OF_BODIES).items()
            },
            "schemas": dict(sorted(schemas.items())) | {"Error": _ERROR},
        },
    }


def path_names(call: Call) -> list[str]:
    """The names that its path has a place for."""
    return _PATH_NAME.findall(call.path)


def _path(call: Call) -> str:
    return _PATH_NAME.sub(r"{\1}", call.path)


def _operation(call: Call, question: Schema, names: dict[type, str]) -> dict[str, Any]:
    properties, required = question.get("properties", {}), question.get("required", [])
    in_path = path_names(call)
    rest = {name: prop for name, prop in properties.items() if name not in in_path}
    operation: dict[str, Any] = {
        "operationId": call.name, "summary": call.summary, "x-role": str(call.scope),
        "parameters": [_parameter(name, properties[name], "path", needed=True) for name in in_path],
        "responses": _responses(call, names),
    }  # fmt: skip
    if call.method == "GET":
        operation["parameters"] += [
            _parameter(name, prop, "query", needed=name in required) for name, prop in rest.items()
        ]
    elif rest:
        operation["requestBody"] = _body(question, rest, [name for name in required if name in rest])
    return operation


def _parameter(name: str, prop: Schema, where: str, *, needed: bool) -> dict[str, Any]:
    words = prop.pop("description", "")
    return {"name": name, "in": where, "required": needed, "description": words, "schema": prop}


def _body(question: Schema, properties: dict[str, Schema], required: list[str]) -> dict[str, Any]:
    schema = {
        "type": "object", "description": question.get("description", ""), "properties": properties,
        "required": required, "additionalProperties": False,
    }  # fmt: skip
    return {"required": bool(required), "content": {JSON: {"schema": schema}}}


def _responses(call: Call, names: dict[type, str]) -> dict[str, Any]:
    answer: dict[str, Any] = (
        {JSON: {"schema": {"$ref": REF.format(model=names[call.answer])}}}
        if call.media == JSON
        else {call.media: {"schema": {"type": "string", "format": "binary"}}}
    )
    refusals = _REFUSALS | ({} if call.method == "GET" else _OF_BODIES)
    return {"200": {"description": call.summary, "content": answer}} | {
        str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(refusals)
    }


def text() -> str:
    """As it is printed."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
