"""Colours and progress: on a terminal, and only there."""

from __future__ import annotations

import io
import re
import threading
from typing import TYPE_CHECKING

import click

from relay.cli.paint import painted
from relay.cli.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from tests.cli.conftest import Run


class Terminal(io.StringIO):
    """A stream that says it is one, and tells when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        self.written.set()


def test_what_takes_long_is_shown_and_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line stands while it lasts, other output passes it, and nothing of it is left."""
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    with progress("asking the relay", stream=terminal, after_s=0) as busy:
        assert terminal.written.wait(30)
        with busy.aside():
            terminal.write("a step\n")
    shown = re.sub(r"\r\x1b\[K… asking the relay, \d+ s", "LINE", terminal.getvalue())
    assert re.fullmatch(r"(LINE)+\r\x1b\[Ka step\n((LINE)+\r\x1b\[K)?", shown)


def test_what_is_quick_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor anything at all where nobody looks, or where the terminal can't."""
    monkeypatch.setenv("TERM", "xterm")
    terminal, file = Terminal(), io.StringIO()
    with progress("x", stream=terminal):
        pass
    with progress("x", stream=file, after_s=0) as busy, busy.aside():
        file.write("a step\n")
    monkeypatch.setenv("TERM", "dumb")
    with progress("x", stream=terminal, after_s=0):
        pass
    assert (terminal.getvalue(), file.getvalue()) == ("", "a step\n")


def test_the_first_word_for_a_state_has_its_colour() -> None:
    """And no part of a longer word or of an address."""
    red, green = click.style("failed", fg="red"), click.style("ok", fg="green")
    assert painted("  failed  token ok\n  ok  dns") == f"  {red}  token ok\n  {green}  dns"
    assert painted("failed@contoso.com tokens not-ok") == "failed@contoso.com tokens not-ok"


def test_colours_can_be_refused(run: Run, write_config: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """By --no-color wherever it stands, and by NO_COLOR; without a terminal there are none anyway."""
    monkeypatch.setattr("click._compat.should_strip_ansi", lambda _stream=None, color=None: color is False)
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda _stream=None, color=None: color is False)
    monkeypatch.setenv("CONTOSO_SECRET", "x")
    monkeypatch.setenv("ERP_PASSWORD", "x")
    config = write_config()
    assert "\x1b[32mgood" in run("check", "-c", config).stdout
    assert "\x1b" not in run("check", "-c", config, "--no-color").stdout
    assert "\x1b" not in run("--no-color", "check", "-c", config).stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("check", "-c", config).stdout
