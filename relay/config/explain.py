"""Pydantic's errors in the words of an administrator, with the place in the file, and without any secret."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from relay.config.complaint import MASK, Complaint, nearest_name, option_name, shown
from relay.config.section import NAME_FORM
from relay.config.shape import Shape, in_secret, option_fields, shape_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import ErrorDetails

    from relay.config.complaint import Path
    from relay.config.yamltree import Tree

UNKNOWN = "unknown option"
MISSING = "is missing"
_PHRASES = {
    "model_type": "must be a section with options of its own",
    "model_attributes_type": "must be a section with options of its own",
    "dict_type": "must be a section with a name for each entry",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "string_type": "must be a text",
    "string_unicode": "must be a text without broken characters",
    "path_type": "must be a path",
    "string_pattern_mismatch": "is not in the right form",
    "string_too_long": "is too long",
    "string_too_short": "must not be empty",
    "too_short": "needs at least one entry",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
}
_SECTION_EXPECTED = {"model_type", "model_attributes_type", "dict_type"}


def explain_all(errors: Sequence[ErrorDetails], tree: Tree, file: str) -> list[Complaint]:
    """One complaint for each mistake; that `profile` is missing is not a second one where `profil` was written."""
    complaints = [_explain(error, tree, file) for error in errors if not _is_echo(error, tree)]
    mistyped = {_beside(item.option, item.nearest) for item in complaints if item.what == UNKNOWN and item.nearest}
    return [item for item in complaints if not (item.what == MISSING and item.option in mistyped)]


def _is_echo(error: ErrorDetails, tree: Tree) -> bool:
    """Pydantic calls a list empty when its entries are wrong; those are told one by one."""
    return error["type"] == "too_short" and bool(tree.value(error["loc"]))


def _beside(option: str, name: str) -> str:
    return f"{option.rpartition('.')[0]}.{name}".removeprefix(".")


def _explain(error: ErrorDetails, tree: Tree, file: str) -> Complaint:
    path = _path(error["loc"], tree)
    if error["type"] == "extra_forbidden":
        return unknown_option(path, tree, file)
    if error["type"] == "missing":
        return _missing(path, tree, file)
    return _wrong_value(error, path, tree, file)


def unknown_option(path: Path, tree: Tree, file: str) -> Complaint:
    """A name that no option has. Its value is not shown: it may be a secret under a mistyped name."""
    around = shape_at(path[:-1])
    known = tuple(option_fields(around.model)) if around and around.model else ()
    near = nearest_name(str(path[-1]), known)
    if in_secret(path) and not near:
        path = (*path[:-1], MASK)  # {env: NAME, hunter2}: the name itself may be the secret
        line, column = tree.position(path[:-1])
    else:
        line, column = tree.position(path, of_name=True)
    allowed = () if near else known
    return Complaint(file, line, column, option_name(path), UNKNOWN, allowed=allowed, nearest=near)


def _missing(path: Path, tree: Tree, file: str) -> Complaint:
    line, column = tree.position(path, of_name=True)
    return Complaint(file, line, column, option_name(path), MISSING, remedy=_hint(shape_at(path)))


def _wrong_value(error: ErrorDetails, path: Path, tree: Tree, file: str) -> Complaint:
    value = tree.value(path)
    line, column = tree.position(path)
    shape = shape_at(path)
    allowed = _choices(shape)
    is_text = isinstance(value, str)
    return Complaint(
        file,
        line,
        column,
        option_name(path),
        "is not one of the allowed values" if allowed else _phrase(error),
        found=_found(error, path, value),
        allowed=allowed,
        nearest=nearest_name(value, allowed) if is_text and not in_secret(path) else "",
        remedy=_form(error, shape),
    )


def _form(error: ErrorDetails, shape: Shape | None) -> str:
    """How a value, or a name that somebody chose, has to look."""
    if error["loc"][-1] == "[key]":
        return NAME_FORM
    return _hint(shape) if error["type"] == "string_pattern_mismatch" else ""


def _phrase(error: ErrorDetails) -> str:
    if error["type"] in _PHRASES:
        return _PHRASES[error["type"]]
    return error["msg"].removeprefix("Value error, ").replace("Input should be", "must be").replace("should", "must")


def _found(error: ErrorDetails, path: Path, value: object) -> str:
    """What stood there. A text in the place of a section may be a secret written one level too high."""
    if isinstance(value, (dict, list)) and error["type"] not in _PHRASES:
        return ""
    if isinstance(value, str) and (in_secret(path) or error["type"] in _SECTION_EXPECTED):
        return f"a text {MASK}"
    return shown(value)


def _choices(shape: Shape | None) -> tuple[str, ...]:
    if shape and isinstance(shape.kind, type) and issubclass(shape.kind, Enum):
        return tuple(str(item.value) for item in shape.kind)
    return ()


def _hint(shape: Shape | None) -> str:
    if shape is None or shape.field is None:
        return ""
    examples = shape.field.examples or []
    example = f" Example: {_example(examples[0])}" if examples else ""
    return f"{shape.field.description or ''}{example}".strip()


def _example(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {item}" for name, item in value.items()) + "}"
    return str(value)


def _path(location: tuple[int | str, ...], tree: Tree) -> Path:
    """Pydantic adds `[key]` for a name that is wrong; the file has no such step."""
    if location and location[-1] == "[key]" and location not in tree.values:
        return location[:-1]
    return location


def renamed_options(tree: Tree) -> list[Path]:
    """Options given by the name they have in the code, which the models allow to code but the file must not use."""
    return [path for path in tree.names if _is_code_name(path[-1], shape_at(path[:-1]))]


def _is_code_name(name: object, around: Shape | None) -> bool:
    fields: Mapping[str, Any] = around.model.model_fields if around and around.model else {}
    field = fields.get(str(name))
    return field is not None and field.alias not in {None, name}
