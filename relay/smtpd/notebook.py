"""The strangers on the disk: one small JSON file beside the spool, written rarely, whole, never in the mail path."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from relay.smtpd.strangers import Stranger, Strangers

if TYPE_CHECKING:
    from pathlib import Path

NAME = "refused.json"
_EVERY_S = 10.0
_NAMES = frozenset(item.name for item in fields(Stranger))


class Notebook:
    """Writes the strangers down while it is open. A disk that refuses costs memory of strangers, never mail."""

    def __init__(self, path: Path, strangers: Strangers, every_s: float = _EVERY_S) -> None:
        self._path = path
        self._strangers = strangers
        self._every_s = every_s
        self._written = strangers.changes
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Recalls what is written down, and begins to write."""
        self._strangers.recall(await asyncio.to_thread(read, self._path))
        self._task = asyncio.get_running_loop().create_task(self._go_on(), name="notebook")

    async def close(self) -> None:
        """Writes what is new and ends."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            await self._write()

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self._write()

    async def _write(self) -> None:
        changes = self._strangers.changes
        if changes == self._written:
            return
        text = json.dumps([asdict(item) for item in self._strangers.all()], indent=1)
        with contextlib.suppress(OSError):
            await asyncio.to_thread(_replace, self._path, text)
            self._written = changes


def read(path: Path) -> list[Stranger]:
    """Who is written down, newest last; nobody when there is no such file or it is damaged."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [Stranger(**row) for row in rows if _is_one(row)] if isinstance(rows, list) else []


def _is_one(row: Any) -> bool:
    """Whether a row is one of ours: the file may have been written by another version, or by hand."""
    if not isinstance(row, dict) or not {"address"} <= row.keys() <= _NAMES:
        return False
    sample = asdict(Stranger(""))
    return all(
        isinstance(value, (int, float) if isinstance(sample[name], float) else type(sample[name]))
        for name, value in row.items()
    )


def _replace(path: Path, text: str) -> None:
    aside = path.with_suffix(".new")
    aside.touch(mode=0o600)
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
