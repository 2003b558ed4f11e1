"""A dialogue file as values: who speaks so, where that was seen, what is said, and what must come of it.

The format is told in README.md beside this file.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FIELD = re.compile(r"([A-Z][A-Za-z-]{2,}): ?(.*)")
_TALK = re.compile(r"(C:|C\+|C!|C\.|S:)(?: (.*))?")
_ORDERS = frozenset(
    {"pause", "close", "reset", "half-close", "starttls", "tls-hello", "closed", "silent", "reconnect", "has", "lacks"}
)
_REQUIRED = ("Device", "Source", "Why", "Arrives")
_MANY = frozenset({"Source", "Body", "Header", "Journal"})
_KNOWN = frozenset({*_REQUIRED, *_MANY, "Listener", "Client", "Connects", "Intake", "Sender", "Recipients", "Protocol"})
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_REPEAT = re.compile(r"\{\{(\d+) x (.+?)\}\}", re.DOTALL)
_BASE64 = re.compile(r"\{\{base64 (.*?)\}\}")
_SHORT = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}


class ScriptError(ValueError):
    """The file is not a dialogue; the message names file and line."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the dialogue: `kind` is `C:`, `S:`, … or the name of an order."""

    line: int
    kind: str
    text: str = ""

    @property
    def octets(self) -> bytes:
        """What a `C` line puts on the wire."""
        return unescaped(self.text) + (b"" if self.kind == "C!" else b"\r\n")


@dataclass(slots=True)
class Script:
    """A whole file."""

    path: Path
    fields: dict[str, list[str]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def one(self, name: str, default: str = "") -> str:
        """The value of a field that stands once."""
        return self.fields.get(name, [default])[0]

    def many(self, name: str) -> list[str]:
        """All values of a field, in order."""
        return self.fields.get(name, [])

    def options(self, name: str) -> dict[str, str]:
        """A field of `key=value` words."""
        return dict(word.partition("=")[::2] for word in self.one(name).split())


def read(path: Path) -> Script:
    """Reads one file. Raises `ScriptError`."""
    script = Script(path)
    lines = _unrolled(path.read_text("utf-8").split("\n"))
    for number, line in lines:
        if line.strip() and not line.startswith("#"):
            _take(script, number, line)
    missing = [name for name in _REQUIRED if not script.one(name)]
    if missing:
        raise ScriptError(f"{path}: {', '.join(missing)} is missing")
    return script


def unescaped(text: str) -> bytes:
    r"""Octets of a text with \r \n \t \0 \xHH, `{{1000 x A}}` and `{{base64 …}}`."""
    text = _REPEAT.sub(lambda found: found[2] * int(found[1]), text)
    text = _BASE64.sub(lambda found: base64.b64encode(_plain(found[1])).decode(), text)
    return _plain(text)


def _plain(text: str) -> bytes:
    return _ESCAPE.sub(_octet, text.encode())


def _octet(found: re.Match[bytes]) -> bytes:
    code = found[1]
    return bytes.fromhex(code[1:].decode()) if len(code) == 3 else _SHORT[code]


def _unrolled(lines: list[str]) -> list[tuple[int, str]]:
    """Numbered lines, those between `repeat N` and `end` as often as they count."""
    flat: list[tuple[int, str]] = []
    begin, times = 0, 1
    for number, line in enumerate(lines, 1):
        if line.startswith("repeat "):
            begin, times = len(flat), int(line.split()[1])
        elif line == "end":
            flat += flat[begin:] * (times - 1)
        else:
            flat.append((number, line))
    return flat


def _take(script: Script, number: int, line: str) -> None:
    if talk := _TALK.fullmatch(line):
        script.steps.append(Step(number, talk[1], talk[2] or ""))
    elif (word := line.partition(" ")[0]) in _ORDERS:
        script.steps.append(Step(number, word, line.partition(" ")[2]))
    elif (named := _FIELD.fullmatch(line)) and named[1] in _KNOWN:
        _add(script, number, named[1], named[2])
    else:
        raise ScriptError(f"{script.path}:{number}: not a line of a dialogue: {line!r}")


def _add(script: Script, number: int, name: str, value: str) -> None:
    values = script.fields.setdefault(name, [])
    if values and name not in _MANY:
        raise ScriptError(f"{script.path}:{number}: {name} stands twice")
    values.append(value)
