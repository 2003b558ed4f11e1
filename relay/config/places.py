"""Where in the file an option stands, for those who have to change it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from relay.config.complaint import option_name
from relay.config.yamltree import TreeError, grow

if TYPE_CHECKING:
    from relay.config.complaint import Path as Option
    from relay.config.yamltree import Tree


class Places:
    """The lines of one configuration file."""

    def __init__(self, file: Path | None) -> None:
        """Reads the file; none, or one that can't be read, has no lines to name."""
        self._file = file
        self._tree: Tree | None = None
        if file is None:
            return
        try:
            self._tree = grow(Path(file).read_text(encoding="utf-8-sig"))
        except (OSError, ValueError, TreeError):
            return

    def of(self, option: Option) -> str:
        """`relay.yaml:12: devices.copier.recipients`.

        An option a device inherits stands under `defaults`; one that is not written stands where its section does.
        """
        if self._tree is None:
            return option_name(option)
        if option not in self._tree.names and option[:1] == ("devices",):
            inherited = ("defaults", *option[2:])
            option = inherited if inherited in self._tree.names else option
        written = option in self._tree.names or option in self._tree.values
        line, _ = self._tree.position(option, of_name=True)
        return f"{self._file}:{line}: {option_name(option)}" + ("" if written else " (not set)")
