"""A file that a verb writes: a new one, unless its owner said that the old one may go; never half of it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click


def may_write(path: Path, *, force: bool) -> None:
    """Raises `click.ClickException` where a file is there that nobody said may go."""
    if path.exists() and not force:
        raise click.ClickException(f"{path} is there already; name another file, or --force to replace it")


def write(path: Path, text: str, *, mode: int, force: bool) -> None:
    """Writes the whole text or nothing, readable to no more than `mode` from its first moment on.

    Raises `click.ClickException`.
    """
    may_write(path, force=force)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).chmod(mode)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise click.ClickException(f"{path} can't be written: {error.strerror}; name another file") from error
