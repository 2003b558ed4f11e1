"""`relay top`: the overview in a terminal, live."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
import time
import tty
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from relay.cli.options import ExitCode, UnavailableError, config_option, settings_from
from relay.cli.status import look_at
from relay.cli.top_picture import Line, picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from relay.config.settings import Settings

_ENTER = b"\x1b[?1049h\x1b[?25l"
_LEAVE = b"\x1b[?25h\x1b[?1049l"
_LOOKS: dict[str, dict[str, Any]] = {
    "good": {"fg": "green", "bold": True},
    "warn": {"fg": "yellow"},
    "bad": {"fg": "red"},
    "head": {"bold": True},
    "": {},
}
_MOST_LINES = 1000


@click.command
@config_option
@click.option("--once", is_flag=True, help="Print one picture and end, as it does without a terminal.")
@click.option(
    "--every", type=click.FloatRange(0.2, 3600), default=2, show_default=True, metavar="SECONDS", help="Time between."
)
def top(config: Path, once: bool, every: float) -> int:
    """Watch the relay: profiles, queue, mailboxes, trouble.

    The figures of `relay status`, live. q quits, space looks again. Exit code with --once as that of `relay status`.
    """
    settings = settings_from(config)
    if once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        found = _figures(settings)
        width = shutil.get_terminal_size((80, 24)).columns
        for line in picture(found, width, _MOST_LINES, clock=time.strftime("%H:%M:%S")):
            click.echo(_styled(line))
        return ExitCode.DONE if found["ready"] else ExitCode.FAILED
    with _resizes() as resized, _screen():
        return _watch(settings, every, resized)


def _watch(settings: Settings, every: float, resized: int) -> int:
    found: dict[str, Any] | None = None
    while True:
        trouble = ""
        try:
            found = _figures(settings, within_s=5)
        except UnavailableError as error:
            if found is None:
                raise
            trouble = f"no answer: {error.message}"
        until = time.monotonic() + every
        while (rest := until - time.monotonic()) > 0:
            _draw(found, trouble or "q quits  space looks again")
            ready, _, _ = select.select([sys.stdin, resized], [], [], rest)
            if resized in ready:
                os.read(resized, 4096)  # drawn anew in the new size, without asking again
            if sys.stdin in ready:
                key = os.read(sys.stdin.fileno(), 64)
                if not key or key[:1] in b"qQ\x04":
                    return ExitCode.DONE
                break


def _figures(settings: Settings, **within: float) -> dict[str, Any]:
    """`Status`, with the mail of each minute where a relay runs. Raises `UnavailableError`."""
    from relay.control.caller import NoRelay, Refused, Unreachable, ask

    found = look_at(settings, **within)
    with suppress(NoRelay, Refused, Unreachable):
        found |= ask(settings.data_dir, "activity", within_s=5)
    return found


def _draw(found: dict[str, Any], note: str) -> None:
    width, height = os.get_terminal_size(sys.stdout.fileno())
    lines = picture(found, width, height, clock=time.strftime("%H:%M:%S"), note=note)
    # Over the old picture, the rest of each line cleared: nothing flickers.
    click.echo("\x1b[H" + "\x1b[K\n".join(map(_styled, lines)) + "\x1b[K\x1b[J", nl=False, color=_coloured())
    sys.stdout.flush()


def _styled(line: Line) -> str:
    return click.style(line.text, **_LOOKS[line.look]) if line.look and _coloured() else line.text


def _coloured() -> bool | None:
    """What --no-color and NO_COLOR left of it; None: as the terminal is."""
    return True if sys.stdout.isatty() and click.get_current_context().color is not False else None


@contextmanager
def _screen() -> Iterator[None]:
    """The terminal's other screen, keys without Enter and without echo; all as before in the end, and while stopped."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def enter() -> None:
        tty.setcbreak(descriptor)
        os.write(sys.stdout.fileno(), _ENTER)

    def leave() -> None:
        os.write(sys.stdout.fileno(), _LEAVE)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    def stopped(*_: object) -> None:
        leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        enter()

    old = signal.signal(signal.SIGTSTP, stopped)
    enter()
    try:
        yield
    finally:
        leave()
        signal.signal(signal.SIGTSTP, old)


@contextmanager
def _resizes() -> Iterator[int]:
    """A descriptor that can be read when the terminal has another size; signals end it in good order."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    old = signal.signal(signal.SIGWINCH, lambda *_: None)
    ends = {number: signal.signal(number, _ended) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)}
    try:
        yield reading
    finally:
        signal.signal(signal.SIGWINCH, old)
        for number, handler in ends.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
        os.close(reading)
        os.close(writing)


def _ended(*_: object) -> None:
    raise KeyboardInterrupt
