"""A person at a browser, and `relay authorize` as a process whose words are read as they come."""

from __future__ import annotations

import contextlib
import html
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
import time
from typing import TYPE_CHECKING, Self
from urllib.parse import urljoin

import requests

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 60.0


class Browser:
    """Follows links, redirects and forms; `home` is the address that the sign-in ended at, fetched or not."""

    def __init__(self, ca_file: Path) -> None:
        self._session = requests.Session()
        self._session.trust_env = False  # else REQUESTS_CA_BUNDLE of this machine wins
        self._session.verify = str(ca_file)

    def get(self, url: str) -> requests.Response:
        """One page, no further."""
        return self._session.get(url, allow_redirects=False, timeout=WAIT_S)

    def choose(self, url: str, **clicked: str) -> str:
        """Opens the sign-in page, clicks there; returns where the answer goes."""
        page = self.get(url)
        hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text)
        form = {html.unescape(name): html.unescape(value) for name, value in hidden} | clicked
        answer = self._session.post(url, data=form, allow_redirects=False, timeout=WAIT_S)
        assert answer.status_code == 302, answer.text
        return urljoin(url, answer.headers["Location"])

    def sign_in(self, url: str, user: str) -> str:
        """As this user; returns where the answer goes."""
        return self.choose(url, user=user)


class Authorizing:
    """`relay authorize` in a process of its own; killed at the end of a `with` if it still runs."""

    def __init__(self, config: Path, *arguments: str, profile: str = "ann", terminal: bool = False) -> None:
        """With `terminal` it stands before one, as when a person types; else everything is a pipe."""
        surroundings = {name: value for name, value in os.environ.items() if not name.startswith("RELAY_")}
        command = [sys.executable, "-m", "relay", "authorize", profile, "-c", str(config), "--no-browser", *arguments]
        ours, its = pty.openpty() if terminal else (-1, subprocess.PIPE)
        self.process = subprocess.Popen(
            command, env=surroundings, stdin=its, stdout=its, stderr=subprocess.PIPE, text=True,
            # A test run in the background of a script is deaf to SIGINT, and so would this command be.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        if terminal:
            os.close(its)
            self.process.stdin, self.process.stdout = os.fdopen(os.dup(ours), "w"), os.fdopen(ours)
        self.said: list[str] = []
        self.complained: list[str] = []
        self._changed = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.said), daemon=True),
            threading.Thread(target=self._read, args=(self.process.stderr, self.complained), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.ended()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def _read(self, lines: object, into: list[str]) -> None:
        with contextlib.suppress(OSError):  # a terminal whose other end is closed
            for line in lines:  # type: ignore[attr-defined]
                with self._changed:
                    into.append(line.rstrip("\n"))
                    self._changed.notify_all()

    def heard(self, pattern: str, *, on_stderr: bool = False) -> str:
        """The first group of what it says, or the whole match, as soon as it says so."""
        lines = self.complained if on_stderr else self.said

        def found() -> re.Match[str] | None:
            return re.search(pattern, "\n".join(lines))

        with self._changed:
            self._changed.wait_for(lambda: found() or self.process.poll() is not None, WAIT_S)
            match = found()
        assert match, f"{pattern!r} was not said:\n{self.text}"
        return match[match.lastindex or 0]

    @property
    def url(self) -> str:
        """The address it shows for the browser."""
        return self.heard(r"(?m)^(https://\S+)$")

    @property
    def port(self) -> int:
        """Where it waits for the browser to come back."""
        return int(self.heard(r"Waiting at \S+:(\d+)"))

    def edits(self) -> None:
        """Returns when its terminal gives it each key, not whole lines: when it has asked for input."""
        assert self.process.stdin is not None
        until = time.monotonic() + WAIT_S
        while termios.tcgetattr(self.process.stdin.fileno())[3] & termios.ICANON:
            assert time.monotonic() < until, self.text
            time.sleep(0.01)

    def paste(self, text: str) -> None:
        """What a person pastes into its terminal."""
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def ended(self) -> int:
        """Its exit code."""
        code = self.process.wait(WAIT_S)
        for reader in self._readers:
            reader.join(WAIT_S)
        return code

    @property
    def text(self) -> str:
        """All it said, for reading and for the message of a failed test."""
        return "\n".join([*self.said, *self.complained])
