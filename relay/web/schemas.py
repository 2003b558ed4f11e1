"""JSON Schemas out of dataclasses: types and limits by pydantic, descriptions from the words of each field."""

from __future__ import annotations

import inspect
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Schema = dict[str, Any]
REF = "#/components/schemas/{model}"


def schemas_of(questions: Iterable[type], answers: Iterable[type]) -> tuple[dict[type, str], dict[str, Schema]]:
    """The name of each dataclass that is asked or answered, and every schema by its name."""
    wanted: dict[type, Any] = dict.fromkeys(questions, "validation") | dict.fromkeys(answers, "serialization")
    made, found = TypeAdapter.json_schemas(
        [(kind, mode, TypeAdapter(kind)) for kind, mode in wanted.items()], ref_template=REF
    )
    schemas: dict[str, Schema] = found.get("$defs", {})
    names = {key[0]: made[key]["$ref"].rpartition("/")[2] for key in made if isinstance(key[0], type)}
    told = {kind.__name__: kind for kind in _all_of(wanted)}
    for name, schema in schemas.items():
        if (kind := told.get(schema.get("title", name))) is not None:
            _describe(schema, kind)
    for kind in _all_of(answers):
        _whole(schemas.get(kind.__name__, {}))
    return names, schemas


def _describe(schema: Schema, kind: type) -> None:
    schema["description"] = " ".join(inspect.cleandoc(kind.__doc__ or "").split())
    words = words_of(kind)
    for name, prop in schema.get("properties", {}).items():
        prop.pop("title", None)
        prop["description"] = words.get(name, "")


def _whole(schema: Schema) -> None:
    """An answer has all its fields, and no others."""
    if "properties" in schema:
        schema["required"] = list(schema["properties"])
        schema["additionalProperties"] = False
    for prop in schema.get("properties", {}).values():
        prop.pop("default", None)


def words_of(kind: type) -> dict[str, str]:
    """What each field of a dataclass means."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: next((one for one in _metadata(hint) if isinstance(one, str)), "") for name, hint in hints.items()}


def _metadata(hint: Any) -> tuple[Any, ...]:
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()


def _all_of(kinds: Iterable[type]) -> set[type]:
    """These dataclasses and all that their fields are made of."""
    found: set[type] = set()
    left = list(kinds)
    while left:
        kind = left.pop()
        if is_dataclass(kind) and kind not in found:
            found.add(kind)
            left += [part for hint in get_type_hints(kind).values() for part in _parts(hint)]
    return found


def _parts(hint: Any) -> Iterator[type]:
    if isinstance(hint, type):
        yield hint
    for part in get_args(hint):
        yield from _parts(part)
