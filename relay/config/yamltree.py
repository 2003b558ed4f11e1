"""YAML text as plain data that remembers where each value stands.

Every scalar stays text and every name stays text: what `yes`, `0123` or `10:25` means is decided by the option it is
given to, not by YAML 1.1, so a device may be called `no`. A plain empty value, `~` or `null` is None.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from yaml.nodes import MappingNode, Node

    from relay.config.complaint import Path

Position = tuple[int, int]

_MOST_VALUES = 200_000  # far above any real file; aliases can make a short text expand without end
_TEXT_TAG = "tag:yaml.org,2002:str"
_QUOTED = re.compile(r" '[^'<]{2,}'")


class TreeError(Exception):
    """The text is not YAML; `text` says why without quoting the file, which may hold a secret."""

    def __init__(self, text: str, position: Position = (0, 0)) -> None:
        super().__init__(text)
        self.text = text
        self.position = position


@dataclass(slots=True)
class Slip:
    """Something YAML would let pass and we do not: a duplicate name, a tag, a name that is not text."""

    path: Path
    position: Position
    what: str


@dataclass(slots=True)
class Tree:
    """The data, the position of every value and of every name, and what was wrong already here."""

    data: Any = None
    values: dict[Path, Position] = field(default_factory=dict)
    names: dict[Path, Position] = field(default_factory=dict)
    slips: list[Slip] = field(default_factory=list)

    def value(self, path: Path) -> Any:
        """What stands at a path; None when nothing does."""
        found = self.data
        for step in path:
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def position(self, path: Path, *, of_name: bool = False) -> Position:
        """Where a value (or its name) stands; for what is not in the file, where the section around it stands."""
        if not of_name and path in self.values:
            return self.values[path]
        while path:
            if path in self.names or path in self.values:
                return self.names.get(path) or self.values[path]
            path = path[:-1]
        return (1, 1)


def grow(text: str) -> Tree:
    """The tree of a YAML text. Raises `TreeError`."""
    tree = Tree()
    node = _compose(text)
    if node is not None:
        tree.data = _Grower(tree).value(node, ())
    return tree


def _compose(text: str) -> Node | None:
    try:
        return yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        raise TreeError(f"not valid YAML: {_QUOTED.sub('', reason)}", position) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        position = (before.count("\n") + 1, error.position - before.rfind("\n"))
        raise TreeError("not valid YAML: a character that YAML does not allow", position) from None
    except RecursionError:
        raise TreeError("not usable: nested too deeply") from None
    except (yaml.YAMLError, ValueError, OverflowError):  # PyYAML lets some bad escapes through as plain ValueError
        raise TreeError("not valid YAML: a number or escape that YAML does not allow") from None


class _Grower:
    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.count = 0
        self.open: set[int] = set()

    def value(self, node: Node, path: Path) -> Any:
        self.count += 1
        if self.count > _MOST_VALUES or id(node) in self.open:
            raise TreeError("not usable: aliases (*name) that expand without end; write the values out", _start(node))
        self.tree.values[path] = _start(node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self.open.add(id(node))
        result = self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._list(node, path)
        self.open.discard(id(node))
        return result

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> str | None:
        if node.tag != _TEXT_TAG:
            self._slip(path, node, "YAML tags (a leading !) are not supported; quote the value if it starts with !")
        empty = node.style is None and node.value in {"", "~", "null", "Null", "NULL"}
        return None if empty else node.value

    def _list(self, node: Node, path: Path) -> list[Any]:
        return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name_node, value_node in node.value:
            name = name_node.value
            if not isinstance(name, str) or not name:
                self._slip(path, name_node, "a name must be text; quote values that start with { or [")
            elif name == "<<" and name_node.style is None:
                self._slip(path, name_node, "merge keys (<<) are not supported; write the options out")
            elif name in result:
                first = self.tree.names[(*path, name)][0]
                self._slip((*path, name), name_node, f"given twice, first in line {first}; {_remedy(value_node)}")
            else:
                self.tree.names[(*path, name)] = _start(name_node)
                result[name] = self.value(value_node, (*path, name))
        return result

    def _slip(self, path: Path, node: Node, what: str) -> None:
        self.tree.slips.append(Slip(path, _start(node), what))


def _remedy(second: Node) -> str:
    """Of a section people mean both parts; of a value only one can hold."""
    whole = isinstance(second, yaml.MappingNode | yaml.SequenceNode) and second.value
    return "join the two, or keep one of them" if whole else "keep one of them"


def _start(node: Node) -> Position:
    return (node.start_mark.line + 1, node.start_mark.column + 1)
