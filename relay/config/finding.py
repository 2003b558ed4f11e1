"""What the rules between sections share: a finding, and ways to walk a plain tree in which anything may be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.config.complaint import Path

    Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """One contradiction between sections, or one remark."""

    path: Path
    what: str
    found: str = ""
    allowed: tuple[str, ...] = ()
    nearest: str = ""
    remedy: str = ""


def names(tree: Tree, section: str) -> list[str]:
    """The names given in a section of named sections."""
    items = tree.get(section)
    return [name for name in items if isinstance(name, str)] if isinstance(items, dict) else []


def sections(tree: Tree, section: str) -> Iterator[tuple[str, Tree]]:
    """Each named section that is one."""
    for name in names(tree, section):
        item = tree[section][name]
        if isinstance(item, dict):
            yield name, item


def below(tree: Tree, name: str) -> Tree:
    """A section by its name; empty where there is none."""
    item = tree.get(name)
    return item if isinstance(item, dict) else {}


def text(tree: Tree, name: str) -> str:
    """A text by its name; empty where there is none."""
    item = tree.get(name)
    return item if isinstance(item, str) else ""
