"""The house rules a linter does not know: short functions, few parameters, files of one duty, names that say something.

Run by `make check`; prints each breach with its line and ends with 1 if there is one.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 50
MOST_PARAMETERS = 6
WORDLESS_NAMES = {"base", "common", "core", "helpers", "manager", "misc", "util", "utils"}
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b|raise NotImpl" + r"ementedError")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def breaches(path: Path) -> Iterator[str]:
    """Every breach in one file, as `line: what`."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    if path.stem in WORDLESS_NAMES:
        yield f"1: a file called {path.stem} has no duty; name it by what it does"
    if len(lines) > MOST_LINES_OF_A_FILE:
        yield f"{len(lines)}: more than {MOST_LINES_OF_A_FILE} lines; a file has one duty"
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            yield f"{number}: unfinished work is an issue, not a comment"
    tree = ast.parse(text)
    if "tests" not in path.parts and text.strip() and ast.get_docstring(tree) is None:
        yield "1: the module docstring is the contract; it is missing"
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield from _function(node)


def _function(node: Function) -> Iterator[str]:
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    if length > MOST_LINES_OF_A_FUNCTION:
        yield f"{node.lineno}: {node.name} has {length} lines, at most {MOST_LINES_OF_A_FUNCTION}"
    positional = [arg for arg in (*node.args.posonlyargs, *node.args.args) if arg.arg not in ("self", "cls")]
    count = len(positional) + len(node.args.kwonlyargs)
    if count > MOST_PARAMETERS and not _is_command(node):
        yield f"{node.lineno}: {node.name} has {count} parameters, at most {MOST_PARAMETERS}"


def _is_command(node: Function) -> bool:
    """A command of the cli has as many parameters as options: click passes them by name."""
    return any("command" in ast.unparse(item) for item in node.decorator_list)


def main() -> int:
    """Checks every Python file that git knows or would add."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    found = [f"{name}:{breach}" for name in names if (ROOT / name).exists() for breach in breaches(ROOT / name)]
    print("\n".join(found) or f"house rules: {len(names)} files kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
