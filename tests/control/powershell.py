"""Enough of PowerShell's grammar to see that a script is whole: texts, comments, brackets, variables, guards."""

from __future__ import annotations

import re
from dataclasses import dataclass

OPEN, CLOSE = "({[", ")}]"
QUOTES = "'\u2018\u2019\u201a\u201b"
AUTOMATIC = {"true", "false", "null", "_"}


@dataclass
class Maker:
    """A line that makes something, and the line of the `if` around it."""

    line: str
    guard: str


class Reading:
    """One pass over a script. `code` is what is left without comments; `literals` are the single-quoted texts."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.code = ""
        self.literals: list[str] = []
        self.open_brackets: list[str] = []
        self.ends_in = "code"
        while self._at < len(text):
            self._step()

    def unset_variables(self) -> list[str]:
        """Variables that are used above the first line that sets them."""
        found, known = [], set(AUTOMATIC)
        for line in self.code.splitlines():
            set_here = re.findall(r"^\s*\$(\w+)\s*=|foreach \(\$(\w+) in", line)
            known |= {name for pair in set_here for name in pair if name} if "foreach" in line else set()
            found += [name for name in re.findall(r"\$\{?(\w+)", _right_of(line)) if name not in known]
            known |= {name for pair in set_here for name in pair if name}
        return found

    def makers(self) -> list[Maker]:
        """Every New-… and Add-… that is run, with the innermost `if` around it."""
        found, guards = [], []
        for line in self.code.splitlines():
            if re.match(r"\s*(New|Add)-", line):
                found.append(Maker(line.strip(), next((each for each in reversed(guards) if each), "")))
            opened = re.match(r"\s*(if .*|foreach .*)\{$", line)
            if opened:
                guards.append(opened[1].strip() if opened[1].startswith("if") else "")
            elif re.match(r"\s*\}$", line):
                guards.pop()
        return found

    def _step(self) -> None:
        rest = self._text[self._at :]
        if rest.startswith("<#"):
            self._skip(rest.find("#>"), 2, "block comment")
        elif rest[0] == "#":
            self._skip(rest.find("\n"), 0, "code")
        elif rest[0] in QUOTES:
            self._literal()
        elif rest[0] == '"':
            self._expandable()
        else:
            self._bracket(rest[0])
            self.code += rest[0]
            self._at += 1

    def _skip(self, length: int, ending: int, name: str) -> None:
        if length < 0:
            self.ends_in = name
            length = len(self._text)
        self._at += length + ending

    def _literal(self) -> None:
        """A text between single quotes; a doubled one of any kind stands for itself."""
        at, value = self._at + 1, ""
        while at < len(self._text):
            if self._text[at] in QUOTES:
                if self._text[at + 1 : at + 2] not in tuple(QUOTES):
                    break
                at += 1
            value += self._text[at]
            at += 1
        else:
            self.ends_in = "text"
        self.literals.append(value)
        self.code += "'…'"
        self._at = at + 1

    def _expandable(self) -> None:
        found = re.compile(r'"(?:[^"`]|`.|"")*"', re.DOTALL).match(self._text, self._at)
        if found is None:
            self.ends_in, self._at = "text", len(self._text)
            return
        self.code += found[0]
        self._at = found.end()

    def _bracket(self, char: str) -> None:
        if char in OPEN:
            self.open_brackets.append(char)
        elif char in CLOSE:
            assert self.open_brackets, f"a {char} too many"
            assert self.open_brackets.pop() == OPEN[CLOSE.index(char)]


def _right_of(line: str) -> str:
    return re.sub(r"^\s*\$\w+\s*=(?!=)", "", line)
