"""The address a browser ended at, pasted into a terminal: asked for until it is the answer to the sign-in."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import click

from relay.control.returned import parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TRIES = 5


def ask_for_answer(is_mine: Callable[[Mapping[str, str]], bool]) -> dict[str, str] | None:
    """What the pasted address says; None at the end of the input, or when nothing pasted was of use."""
    for _ in range(_TRIES):
        text = _line()
        if text is None:
            return None
        answer = parameters(text)
        complaint = _complaint(text, answer, is_mine)
        if not complaint:
            return answer
        click.echo(complaint, err=True)
    return None


def _complaint(text: str, answer: Mapping[str, str], is_mine: Callable[[Mapping[str, str]], bool]) -> str:
    if "code_challenge" in answer:
        return "This is the address to open, not the one the browser ends at after the sign-in. Paste that one:"
    if "state" not in answer or not ("code" in answer or "error" in answer):
        return (
            "This is not the whole address: it has code=… and state=… in it. Paste it again:"
            if text.strip()
            else ("Paste the address:")
        )
    if not is_mine(answer):
        return "This address belongs to another sign-in, perhaps an earlier try. Open the address above, then paste:"
    return ""


def _line() -> str | None:
    """One line; with readline on a terminal, which else cuts lines at 4095 octets, and codes are long."""
    if sys.stdin.isatty():
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401  (input() uses it when it is there)
    try:
        return input("> ") if sys.stdin.isatty() else input()
    except EOFError:
        return None
