"""docs/reference/settings.md, printed out of the settings: one table per section."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from relay.config.clouds import HOSTS
from relay.config.secret import SecretRef
from relay.config.settings import Settings
from relay.config.shape import option_fields, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

_HEAD = """\
# Settings

Printed from `relay/config` by `python -m relay.config.reference manual`; change it there.

One YAML file holds the whole configuration. Times are in seconds, sizes in bytes. An empty value (`spool:`) means the
defaults. An option that is not listed here is an error. `relay check --config FILE` reports every mistake at once.

A value is text until its option says what it means: a device may be called `no`, a password name `0123` stays `0123`.
Merge keys (`<<`) and tags (`!name`) are refused.

## Secrets

A secret is never written into the file, only where it is kept. It is read again each time it is needed; one newline at
the end is taken off.

| written | short | read from |
|---|---|---|
| `{env: NAME}` | `env:NAME` | an environment variable of the relay's process |
| `{file: /path}` | `file:/path` | a UTF-8 text file |
| `{credential: NAME}` | `cred:NAME` | `$CREDENTIALS_DIRECTORY/NAME` (systemd), else `/run/secrets/NAME` (Docker) |
"""

_CLOUDS = """\
`cloud` of an app sets all of these together; `authority`, `scope` and `graph_scope` of the app, `endpoint.host` and
`graph.url` of a profile override them one by one. Worldwide and 21Vianet are as Microsoft documents them. The scopes of
the US government's clouds follow the same pattern and are not published in one place; the delegated scope of the DoD
and the submission hosts of both are taken from what others run. A tenant or an address of another cloud is refused with
the right word. High Volume Email has one host, `smtp.hve.mx.microsoft`."""

_KINDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true, false",
    Path: "path",
    SecretRef: "secret",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One option, in words."""

    name: str
    kind: str
    default: str
    meaning: str


def manual() -> str:
    """The text of docs/reference/settings.md."""
    lines = [_HEAD, *_clouds(), *_table("Settings", "the whole file", Settings)]
    for name, model, place in _sections(Settings, ""):
        lines += _table(name, place, model)
    return "\n".join(lines).rstrip() + "\n"


def _clouds() -> Iterator[str]:
    yield from ("## Clouds", "", _CLOUDS, "")
    yield from (
        "| cloud | sign-in | scope, app alone | scope, person | submission, port 587 | Graph |",
        "|---" * 6 + "|",
    )
    for cloud, hosts in HOSTS.items():
        cells = (cloud.value, hosts.login, hosts.scope, hosts.delegated_scope, hosts.smtp, hosts.graph)
        yield "| " + " | ".join(f"`{cell}`" for cell in cells) + " |"
    yield ""


def _sections(model: type[BaseModel], place: str) -> Iterator[tuple[str, type[BaseModel], str]]:
    """Every section below a model, once, with the place it has in the file."""
    for name, field in option_fields(model).items():
        below, step = _section_of(field.annotation, name)
        if below is not None and below is not SecretRef:
            where = f"{place}.{step}".removeprefix(".")
            yield where, below, where
            yield from _sections(below, where)


def _section_of(annotation: Any, name: str) -> tuple[type[BaseModel] | None, str]:
    kind = plain(annotation)
    step = name
    if get_origin(kind) is dict:
        kind, step = plain(get_args(kind)[1]), f"{name}.NAME"
    elif get_origin(kind) is tuple:
        kind, step = plain(get_args(kind)[0]), f"{name}[]"
    return (kind, step) if isinstance(kind, type) and issubclass(kind, BaseModel) else (None, step)


def sections() -> Iterator[tuple[str, str, list[Entry]]]:
    """Every section: its place in the file, what it is, and its options."""
    yield "the whole file", Settings.__doc__ or "", _entries(Settings)
    for _, model, place in _sections(Settings, ""):
        yield place, model.__doc__ or place, _entries(model)


def _entries(model: type[BaseModel]) -> list[Entry]:
    return [Entry(name, _kind(field), _default(field), _meaning(field)) for name, field in option_fields(model).items()]


def _table(title: str, place: str, model: type[BaseModel]) -> Iterator[str]:
    yield from (f"## {title}", "", (model.__doc__ or place).strip(), "")
    yield from ("| option | value | default | meaning |", "|---|---|---|---|")
    for entry in _entries(model):
        yield f"| `{entry.name}` | {entry.kind} | {entry.default} | {entry.meaning} |"
    yield ""


def _kind(field: FieldInfo) -> str:
    kind = plain(field.annotation)
    if get_origin(kind) is dict:
        return "sections by name"
    if get_origin(kind) is tuple:
        return "list"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(f"`{item.value}`" for item in kind)
    return _KINDS.get(kind, "section") + _range(field)


def _range(field: FieldInfo) -> str:
    """The bounds of a number, where it has any that an administrator may run into."""
    bounds = {
        name: getattr(item, name) for item in field.metadata for name in ("ge", "gt", "le") if hasattr(item, name)
    }
    if "gt" in bounds:
        return f", more than {bounds['gt']}"
    if "ge" not in bounds:
        return ""
    return f", {bounds['ge']} to {bounds['le']}" if bounds.get("le", 10**6) < 10**6 else f", {bounds['ge']} or more"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default in (None, "", PydanticUndefined) or isinstance(field.default, BaseModel):
        return ""
    value = (
        [item.value if isinstance(item, Enum) else item for item in field.default]
        if isinstance(field.default, tuple)
        else field.default
    )
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _meaning(field: FieldInfo) -> str:
    example = field.examples[0] if field.examples else None
    shown = str(example).replace("'", "") if isinstance(example, (dict, list)) else example
    return f"{field.description} Example: `{shown}`" if example is not None else field.description or ""
