"""Values as PowerShell takes them literally, and the pieces of a script that are the same for everybody.

A value stands between single quotes, where neither $ nor a backtick means anything; PowerShell ends such a text at the
typographic quotes too, so all of them are doubled. The pieces (`relay/control/powershell/*.ps1`) hold no values: they
speak of the variables that the head of the script sets.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_QUOTES = re.compile("(['\u2018-\u201b])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def quoted(text: str) -> str:
    """One literal text."""
    return "'" + _QUOTES.sub(r"\1\1", _CONTROL.sub("", text)) + "'"


def listed(texts: Iterable[str]) -> str:
    """A list of literal texts, of none or one too."""
    return f"@({', '.join(map(quoted, texts))})"


def comment(text: str) -> str:
    """Text as comment lines; nothing in it can end the comment."""
    return "\n".join(f"# {_CONTROL.sub('', line)}".rstrip() for line in text.split("\n"))


def assigned(values: Mapping[str, str | tuple[str, ...]]) -> str:
    """Variables with their values, a tuple as a list."""
    width = max(map(len, values))
    lines = (
        f"${name:<{width}} = {quoted(value) if isinstance(value, str) else listed(value)}"
        for name, value in values.items()
    )
    return "\n".join(lines)


def piece(name: str) -> str:
    """A piece of script, without values."""
    return (files("relay.control") / "powershell" / f"{name}.ps1").read_text(encoding="utf-8").strip()
