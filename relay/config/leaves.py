"""A configuration option by option: its value as far as it may be shown, and who said so.

Of a secret only where it is kept is here to be shown; a password hash, and what signs in inside of an address, are not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from relay.config.complaint import MASK, option_name, without_userinfo
from relay.config.secret import SecretRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from relay.config.complaint import Path as Option
    from relay.config.settings import Settings

_HIDDEN = {"writeOnly": True}


class Origin(StrEnum):
    """Who says what an option is."""

    DEFAULT = "default"
    INHERITED = "inherited"
    SET = "set"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One option. `value` is there to be compared; `shown` is what may be seen, as JSON has it."""

    path: Option
    value: Any = field(repr=False)
    shown: Any
    origin: Origin

    @property
    def name(self) -> str:
        """The option as it is spoken of."""
        return option_name(self.path)


def leaves(settings: Settings) -> list[Leaf]:
    """Every option in effect, in the order of the manual."""
    return list(_walk(settings, (), Origin.SET, settings))


def nested(found: Iterable[Leaf]) -> dict[str, Any]:
    """The same as sections and lists."""
    root: dict[Any, Any] = {}
    for leaf in found:
        place: Any = root
        for step in leaf.path[:-1]:
            place = place.setdefault(step, {})
        place[leaf.path[-1]] = leaf.shown
    return _lists(root)  # type: ignore[no-any-return]


def _lists(tree: Any) -> Any:
    """Sections whose names are numbers are lists."""
    if not isinstance(tree, dict):
        return tree
    if tree and all(isinstance(step, int) for step in tree):
        return [_lists(item) for item in tree.values()]
    return {name: _lists(item) for name, item in tree.items()}


def _walk(value: Any, path: Option, origin: Origin, whole: Settings) -> Iterator[Leaf]:
    if isinstance(value, BaseModel) and not isinstance(value, SecretRef):
        yield from _section(value, path, origin, whole)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _walk(item, (*path, name), origin, whole)
    elif isinstance(value, tuple) and any(_is_section(item) for item in value):
        for number, item in enumerate(value):
            yield from _walk(item, (*path, number), origin, whole)
    else:
        plain = _plain(value)
        yield Leaf(path, plain, _without_userinfo(plain), origin)


def _section(section: BaseModel, path: Option, origin: Origin, whole: Settings) -> Iterator[Leaf]:
    for name, options in type(section).model_fields.items():
        own = _origin(section, name, path, whole) if origin is Origin.SET else origin
        if own is Origin.DEFAULT and path[:1] == ("mailboxes",):
            continue  # what is not set there follows `limits`
        value, below = getattr(section, name), (*path, options.alias or name)
        if options.json_schema_extra == _HIDDEN and value is not None:
            yield Leaf(below, value, MASK, own)
        else:
            yield from _walk(value, below, own, whole)


def _origin(section: BaseModel, name: str, path: Option, whole: Settings) -> Origin:
    if name not in section.model_fields_set:
        return Origin.DEFAULT
    shared = whole.defaults
    is_device = len(path) == 2 and path[0] == "devices"
    inherits = is_device and name in shared.model_fields_set and getattr(shared, name) == getattr(section, name)
    return Origin.INHERITED if inherits else Origin.SET


def _is_section(value: Any) -> bool:
    return isinstance(value, BaseModel) and not isinstance(value, SecretRef)


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value if value is None or type(value) in (bool, int, float, str) else str(value)


def _without_userinfo(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_userinfo(item) for item in value]
    return without_userinfo(value) if isinstance(value, str) and "//" in value else value
