"""What a verb is busy with, on a terminal's standard error, once it takes longer than two seconds; else nothing."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

AFTER_S = 2.0
_EVERY_S = 0.5
_WIPE = "\r\x1b[K"


class Progress:
    """One line that says what is done and for how long; `aside` lets other output pass it."""

    def __init__(self, what: str, stream: TextIO, after_s: float) -> None:
        self._stream = stream
        self._after_s = after_s
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._visible = False
        self._begin(what)

    def say(self, what: str) -> None:
        """Something else is done from now on; its time counts anew."""
        with self._lock:
            self._wipe()
            self._begin(what)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """The line is away while something is printed."""
        with self._lock:
            self._wipe()
            yield

    def run(self) -> None:
        """Shows the line until `end`; in a thread of its own."""
        while not self._over.wait(min(_EVERY_S, self._after_s or _EVERY_S)):
            with self._lock:
                seconds = time.monotonic() - self._since
                if seconds >= self._after_s and not self._over.is_set():
                    self._visible = True
                    self._stream.write(f"{_WIPE}… {self._what}, {seconds:.0f} s")
                    self._stream.flush()

    def end(self) -> None:
        """Nothing of it is left on the terminal."""
        self._over.set()
        with self._lock:
            self._wipe()

    def _begin(self, what: str) -> None:
        self._what, self._since = what, time.monotonic()

    def _wipe(self) -> None:
        if self._visible:
            self._stream.write(_WIPE)
            self._stream.flush()
            self._visible = False


@contextmanager
def progress(what: str, *, stream: TextIO | None = None, after_s: float = AFTER_S) -> Iterator[Progress]:
    """Shows that something goes on, where somebody looks."""
    out = sys.stderr if stream is None else stream
    shown = Progress(what, out, after_s)
    if not out.isatty() or os.environ.get("TERM") == "dumb":
        yield shown
        return
    watcher = threading.Thread(target=shown.run, name="progress", daemon=True)
    watcher.start()
    try:
        yield shown
    finally:
        shown.end()
        watcher.join()
