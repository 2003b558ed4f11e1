"""What `/status` and `relay status --json` answer, as a page of the manual; print it anew with
`python -m relay.control.status_page`.
"""

from __future__ import annotations

import sys
from dataclasses import fields
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from relay.control import status

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFACE = """\
# Status

<!-- printed by relay.control.status_page: do not edit -->

`GET /status` on `http.listen` and `relay status --json` answer with one JSON object. Names of fields are stable: others
are added, none changes its meaning. Times are ISO 8601 in UTC, empty where there is none. Nobody's address is told but
those of mailboxes in the configuration: of addresses in answers only the domain is left.

`/healthz` answers 200 `ok`, or 503 with the reason as text: the loop or the thread that writes the spool hangs, and the
process should be started anew. `/readyz` answers 200 or 503 with `{"ready": …, "reasons": […]}`: whether devices can
hand in mail now.
"""
_NAMES = {"str": "string", "int": "number", "float": "number", "bool": "true or false", "list": "list"}


def page() -> str:
    """The whole page, Markdown: the whole answer first, then each value in it."""
    values = [status.Status, *(one for one in _values(status.Status) if one is not status.Status)]
    return _PREFACE + "".join(_section(value) for value in dict.fromkeys(values))


def _values(value: type) -> Iterator[type]:
    yield value
    for kind, _ in _hints(value).values():
        for inner in _classes(kind):
            yield from _values(inner)


def _classes(kind: Any) -> list[type]:
    return [one for one in (get_args(kind) or (kind,)) if hasattr(one, "__dataclass_fields__")]


def _hints(value: type) -> dict[str, tuple[Any, str]]:
    """By name, the type and the words of each field."""
    hints = get_type_hints(value, include_extras=True)
    return {field.name: get_args(hints[field.name]) for field in fields(value)}


def _section(value: type) -> str:
    rows = "".join(f"| `{name}` | {_type(kind)} | {words} |\n" for name, (kind, words) in _hints(value).items())
    return f"\n## {_title(value)}\n\n{value.__doc__}\n\n| field | type | what |\n|---|---|---|\n{rows}"


def _title(value: type) -> str:
    return value.__name__.removesuffix("Status").lower() or "status"


def _type(kind: Any) -> str:
    if isinstance(kind, UnionType):
        return " or ".join("null" if one is NoneType else _type(one) for one in get_args(kind))
    if get_origin(kind) is list:
        return f"list of {_type(get_args(kind)[0])}"
    if hasattr(kind, "__dataclass_fields__"):
        return f"[{_title(kind)}](#{_title(kind)})"
    return _NAMES[kind.__name__]


if __name__ == "__main__":
    sys.stdout.write(page())
