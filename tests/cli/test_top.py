"""`relay top`: the picture fits every terminal, and the terminal is given back as it was."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.cli.top_picture import LEAST, picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.conftest import Run

WHY = {
    "since": "x",
    "recheck": "y",
    "rule": "r",
    "meaning": "the secret is wrong",
    "remedy": "make a new",
    "answer": "x",
}


def status(profiles: int = 2, problems: int = 3, paused: bool = True, name: str = "box") -> dict[str, Any]:
    """A status such as the relay gives it."""
    return {
        "version": "1", "running": True, "ready": True, "reasons": [], "listening": ["[::]:25"], "uptime_s": 90_000,
        "sessions": 3, "age_limits_s": [60, 300, 900, 3600, 14_400, 86_400],
        "profiles": [
            {"name": f"{name}{n}", "state": "paused" if paused and n == profiles - 1 else "ok", "mailbox": f"{n}@b.de",
             "why": WHY if paused and n == profiles - 1 else None}
            for n in range(profiles)
        ],
        "queue": [
            {"profile": f"{name}0", "state": "queued", "count": 7, "oldest_s": 4000, "ages": [1, 0, 0, 0, 6, 0, 0]}
        ],
        "mailboxes": [
            {"name": f"{n}@b.de", "sessions": 1, "sessions_limit": 2, "pace": 0.5, "recipients_left": 9,
             "blocked_until": ""}
            for n in range(profiles)
        ],
        "credentials": [{"app": "a", "kind": "secret", "days_left": 5}],
        "spool": {"free_bytes": 5e9, "trouble": "", "refusing": ""},
        "problems": [
            {"event": "message.deferred", "about": name, "what": "busy", "last": "2026-11-28T10:00:00Z", "times": n}
            for n in range(problems)
        ],
    }  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 250), st.integers(1, 90)), st.integers(0, 30), st.integers(0, 60), st.booleans(),
    st.text(max_size=70), st.integers(0, 120),
)  # fmt: skip
def test_the_picture_fits(
    size: tuple[int, int], profiles: int, problems: int, paused: bool, name: str, minutes: int
) -> None:
    """Never more lines or columns than there are, nothing that steers the terminal, and the first line tells most."""
    minute = {"accepted": minutes, "delivered": 1, "deferred": 0, "refused": 2, "failed": 0}
    found = status(profiles, problems, paused, name) | {"minutes": [minute] * minutes}
    width, height = size
    lines = picture(found, width, height, clock="10:00:00", note="q quits")

    assert len(lines) <= max(height, LEAST[1])
    for line in lines:
        assert line.text.isprintable()
        assert len(line.text) <= max(width, LEAST[0])
    assert lines[0].text.startswith("relay 1")
    assert lines[-1].text == "q quits"


def test_trouble_is_shown_in_a_small_terminal() -> None:
    """The paused one comes first, with what it means and what to do, when thirty others are well."""
    text = [line.text for line in picture(status(31, 40), 80, 24, note="q quits")]

    place = next(number for number, line in enumerate(text) if line.startswith("box30"))
    assert text[place - 1].startswith("PROFILE")
    assert text[place + 1 : place + 3] == ["  the secret is wrong", "  → make a new"]
    assert sum("more lines" in line for line in text) >= 1
    assert any(line.startswith("LATELY") for line in text)
    assert any(line.startswith("MAILBOX") for line in text)


def test_nothing_is_cut_where_there_is_room() -> None:
    """Every profile, mailbox and problem has its line; what waits is shown by its age."""
    text = "\n".join(line.text for line in picture(status(5, 5), 120, 100))

    assert "more lines" not in text
    assert re.search(r"^box0 +ok +7 +0 +1 h +0@b\.de$", text, re.MULTILINE)
    assert re.search(r"^box0 +1 +\. +\. +\. +6 +\. +\.$", text, re.MULTILINE)
    assert "secret of a ends in 5 days" in text
    assert "7 waiting" in text.splitlines()[1]


def test_mail_per_minute_is_drawn() -> None:
    """One sign a minute; trouble has a line when there is some."""
    quiet = {"deferred": 0, "refused": 0, "failed": 0}
    found = status() | {"minutes": [{"accepted": n, "delivered": 0, **quiet} for n in (0, 1, 16)]}

    text = [line.text for line in picture(found, 80, 24)]
    assert "accepted  ·▁█ 17 in 3 min" in text
    assert "delivered ··· 0 in 3 min" in text
    assert not any(line.startswith("trouble") for line in text)


def test_a_pause_is_told_once() -> None:
    """At its profile, and not again below."""
    found = status(1, 0)
    found["problems"] = [
        {"event": "profile.paused", "about": "box0", "what": "the secret is wrong", "last": "", "times": 1}
    ]

    text = "\n".join(line.text for line in picture(found, 80, 24))
    assert text.count("the secret is wrong") == 1


def test_without_a_terminal_it_prints_once(run: Run, write_config: Callable[..., Path]) -> None:
    """One picture without control characters; the exit code is that of `relay status`."""
    ended = run("top", "-c", write_config())

    assert ended.returncode == 1
    assert ended.stdout.startswith("relay ")
    assert "no relay runs" in ended.stdout
    assert "\x1b" not in ended.stdout


@pytest.fixture
def terminal(write_config: Callable[..., Path]) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """`relay top` in a terminal of 80×24, with no relay running: its other end, and the process."""
    leader, follower = pty.openpty()
    _resize(leader, 24, 80)
    before = termios.tcgetattr(follower)
    command = [sys.executable, "-m", "relay", "top", "-c", str(write_config())]
    surroundings = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    with subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, env=surroundings | {"TERM": "xterm"},
        preexec_fn=lambda: _own_terminal(follower),
    ) as process:  # fmt: skip
        yield leader, process
        process.kill()
    assert termios.tcgetattr(follower) == before, "keys are as they were"
    os.close(follower)
    os.close(leader)


def test_it_lives_in_the_terminal_until_q(terminal: tuple[int, subprocess.Popen[bytes]]) -> None:
    """The other screen, drawn anew when the terminal has another size; afterwards everything is as before."""
    leader, process = terminal
    first = _until(leader, "space looks again")
    assert first.startswith("\x1b[?1049h")
    assert "\x1b[31m" in first, "no relay runs: red"
    _resize(leader, 10, 30)
    os.killpg(process.pid, signal.SIGWINCH)
    again = _until(leader, "looks a")
    assert max(len(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line)) for line in again.split("\r\n")) <= 30
    os.write(leader, b"q")
    assert "\x1b[?1049l" in _until(leader, "\x1b[?1049l")
    assert process.wait(timeout=60) == 0


def test_control_c_gives_the_terminal_back(terminal: tuple[int, subprocess.Popen[bytes]]) -> None:
    """With the code of an interruption."""
    leader, process = terminal
    _until(leader, "space looks again")
    os.write(leader, b"\x03")
    assert "\x1b[?25h" in _until(leader, "\x1b[?1049l")
    assert process.wait(timeout=60) == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_signal_gives_the_terminal_back(terminal: tuple[int, subprocess.Popen[bytes]], number: int) -> None:
    """Whoever sends it; the fixture looks at the keys."""
    leader, process = terminal
    _until(leader, "space looks again")
    process.send_signal(number)
    assert "\x1b[?25h" in _until(leader, "\x1b[?1049l")
    assert process.wait(timeout=60) == 130


def test_control_z_gives_the_terminal_back_until_it_goes_on(terminal: tuple[int, subprocess.Popen[bytes]]) -> None:
    """The shell has its screen and its keys meanwhile; afterwards the picture is drawn again."""
    leader, process = terminal
    _until(leader, "space looks again")
    os.write(leader, b"\x1a")
    assert "\x1b[?25h" in _until(leader, "\x1b[?1049l")
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    process.send_signal(signal.SIGCONT)
    assert _until(leader, "space looks again").startswith("\x1b[?1049h")
    os.write(leader, b"q")
    assert process.wait(timeout=60) == 0


def _own_terminal(follower: int) -> None:
    os.setsid()
    fcntl.ioctl(follower, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _resize(leader: int, lines: int, columns: int) -> None:
    fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))


def _until(leader: int, words: str) -> str:
    text = ""
    while words not in text:
        text += os.read(leader, 65_536).decode("utf-8", "replace")
    return text
