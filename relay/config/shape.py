"""What the settings models expect at a path: the type, and the field with its manual sentence."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from relay.config.secret import SecretRef
from relay.config.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

    from relay.config.complaint import Path


@dataclass(frozen=True, slots=True)
class Shape:
    """The type at a path, and the field it belongs to (None inside lists and named sections)."""

    kind: Any
    field: FieldInfo | None = None

    @property
    def model(self) -> type[BaseModel] | None:
        return self.kind if isinstance(self.kind, type) and issubclass(self.kind, BaseModel) else None

    @property
    def is_secret(self) -> bool:
        """A reference to a secret, or a value that is not to be shown itself."""
        hidden = self.field is not None and self.field.json_schema_extra == {"writeOnly": True}
        return self.kind is SecretRef or hidden


def option_fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a section by the name they have in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def plain(kind: Any) -> Any:
    """A type without `Annotated` and `| None`."""
    if get_origin(kind) is Annotated:
        return plain(get_args(kind)[0])
    if get_origin(kind) in {Union, types.UnionType}:
        return plain(next(item for item in get_args(kind) if item is not type(None)))
    return kind


def shapes(path: Path) -> Iterator[Shape]:
    """The shapes along a path, from the whole settings down to where the path leaves the known options."""
    shape: Shape | None = Shape(Settings)
    for step in path:
        if shape is None:
            return
        yield shape
        shape = _below(shape, step)
    if shape is not None:
        yield shape


def shape_at(path: Path) -> Shape | None:
    """The shape of exactly this path; None when no option is there."""
    found = list(shapes(path))
    return found[-1] if len(found) == len(path) + 1 else None


def in_secret(path: Path) -> bool:
    """Whether the path is a secret or lies inside one: nothing written there may be shown."""
    return any(shape.is_secret for shape in shapes(path))


def _below(shape: Shape, step: str | int) -> Shape | None:
    if shape.model is not None:
        field = option_fields(shape.model).get(str(step))
        return Shape(plain(field.annotation), field) if field else None
    arguments = get_args(shape.kind)
    if get_origin(shape.kind) is dict and isinstance(step, str):
        return Shape(plain(arguments[1]))
    if get_origin(shape.kind) is tuple and isinstance(step, int):
        return Shape(plain(arguments[0]), shape.field)
    return None
