"""The clock on the wall of one process, set by a test: libfaketime, with every clock but that one left alone."""

from __future__ import annotations

from pathlib import Path


class Clock:
    """`environment` is what a process needs to go by it; `set` counts from the true time, in seconds."""

    def __init__(self, directory: Path, program: str) -> None:
        """`program` is where `faketime` was found: its library is part of the package."""
        self._file = directory / "clock"
        library = next(Path(program).parents[1].glob("lib/**/faketime/libfaketimeMT.so.1"))
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.set(0)

    def set(self, seconds: float) -> None:
        """From now on the time is so many seconds off; in one step, as a reader may come in between."""
        aside = self._file.with_suffix(".new")
        aside.write_text(f"{seconds:+.0f}\n")
        aside.replace(self._file)
