"""What is wrong with a configuration file, in words an administrator can act on."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Path = tuple[str | int, ...]

MASK = "(not shown)"
_USERINFO = re.compile(r"(?:(?<=//)|(?<=:)(?!//)).+(?=@)", re.DOTALL)
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Complaint:
    """One mistake: where it is, what is wrong, what was found, what is allowed, what to do.

    Lines and columns count from 1; 0 means the file as a whole. `found` never holds a secret.
    """

    file: str
    line: int
    column: int
    option: str
    what: str
    found: str = ""
    allowed: tuple[str, ...] = field(default=())
    nearest: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return ": ".join(part for part in (where, self.option, self.text) if part)

    @property
    def text(self) -> str:
        """All of it but where."""
        return "; ".join(self._sentences())

    def _sentences(self) -> Iterable[str]:
        yield f"{self.what}, found {self.found}" if self.found else self.what
        if self.allowed:
            yield f"allowed: {', '.join(self.allowed)}"
        if self.nearest:
            yield f"did you mean '{self.nearest}'?"
        if self.remedy:
            yield self.remedy


class ConfigError(Exception):
    """A configuration that cannot be used; `complaints` holds every mistake, in the order of the file."""

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        super().__init__("\n".join(str(complaint) for complaint in complaints))
        self.complaints = list(complaints)


def option_name(path: Path) -> str:
    """The option as it is spoken of: `listeners[0].tls`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{shown(step, quote='')}"
    return text.removeprefix(".")


def without_userinfo(text: str) -> str:
    """An address without what signs in inside of it: `http://user:password@proxy`, in whatever wrong form too."""
    return _USERINFO.sub(MASK, text)


def shown(value: object, quote: str = "'") -> str:
    """A value in one short printable line."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a section"
    if isinstance(value, (list, tuple)):
        return "a list"
    text = without_userinfo(str(value))
    text = text if text.isprintable() else ascii(text)[1:-1]
    return f"{quote}{text[:_LONGEST_SHOWN]}{'…' if len(text) > _LONGEST_SHOWN else ''}{quote}"


def nearest_name(name: str, known: Iterable[str]) -> str:
    """The known name most like a mistyped one; empty when none is like it."""
    by_folded = {item.casefold(): item for item in known}
    matches = difflib.get_close_matches(name.casefold()[:100], by_folded, n=1)
    return by_folded[matches[0]] if matches else ""
