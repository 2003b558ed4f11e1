"""Colours for words that tell how something is: on a terminal only, and not where NO_COLOR or --no-color forbids it.

`click.echo` takes them off again where there is no terminal.
"""

from __future__ import annotations

import os
import re

import click

OPTION = "--no-color"
_LOOKS = {
    "green": ("ok", "good", "delivered", "taken"),
    "yellow": ("skipped", "detour", "uncertain", "held", "unsure", "warning"),
    "red": ("failed", "paused", "sign_in", "corrupt", "refused"),
}
_LOOK_OF = {word: look for look, words in _LOOKS.items() for word in words}
_WORD = re.compile(rf"(?<![\w@./-])({'|'.join(_LOOK_OF)})(?![\w@./-])")


def painted(text: str) -> str:
    """The first such word of each line in its colour."""
    return "\n".join(_WORD.sub(_styled, line, count=1) for line in text.split("\n"))


def _styled(found: re.Match[str]) -> str:
    return click.style(found[0], fg=_LOOK_OF[found[0]])


def unwanted(arguments: list[str]) -> bool:
    """Whether somebody said that there shall be no colours (https://no-color.org)."""
    return OPTION in arguments or bool(os.environ.get("NO_COLOR"))
