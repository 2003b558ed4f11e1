"""What differs between two configurations, option by option, and what of it a running relay takes up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from relay.config.leaves import Leaf, Origin, leaves

if TYPE_CHECKING:
    from relay.config.settings import Settings

NEEDS_RESTART = ("data_dir", "listeners", "hostname", "spool", "log")
"""Sections that are taken up at the start alone."""


class Kind(StrEnum):
    """What becomes of an option."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One option; values as they may be shown, None where there is none."""

    option: str
    kind: Kind
    old: Any
    new: Any
    restart: bool


def needs_restart(started_with: Settings, settings: Settings) -> list[str]:
    """The sections that differ and are not taken up by a reload."""
    return [name for name in NEEDS_RESTART if getattr(settings, name) != getattr(started_with, name)]


def changes(old: Settings, new: Settings) -> list[Change]:
    """In the order of the new one, then what is gone."""
    before, after = ({leaf.path: leaf for leaf in leaves(one)} for one in (old, new))
    found = [_change(before.get(path), leaf) for path, leaf in after.items()]
    found += [_change(leaf, None) for path, leaf in before.items() if path not in after]
    return [change for change in found if change is not None]


def _change(old: Leaf | None, new: Leaf | None) -> Change | None:
    """What a new section leaves at its default is nothing that anybody did."""
    if old is not None and new is not None:
        return None if old.value == new.value else _told(Kind.CHANGED, old, new)
    one = old or new
    if one is None or one.origin is Origin.DEFAULT:
        return None
    return _told(Kind.REMOVED if new is None else Kind.ADDED, old, new)


def _told(kind: Kind, old: Leaf | None, new: Leaf | None) -> Change:
    one = new or old
    assert one is not None
    return Change(one.name, kind, old and old.shown, new and new.shown, one.path[0] in NEEDS_RESTART)
