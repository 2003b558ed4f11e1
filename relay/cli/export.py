"""`relay queue export`: one stored message as it is sent."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from relay.cli.options import ExitCode, TellingError, UnavailableError, config_option, settings_from

if TYPE_CHECKING:
    from collections.abc import Iterator

_WITHOUT_CONTENT = ("delivered", "dropped")


@click.command
@config_option
@click.argument("message_id", metavar="ID")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="A file that is not there yet.")
@click.option("--json", "as_json", is_flag=True, help="Write its envelope and history beside it, to FILE.json.")
def export(config: Path, message_id: str, output: Path | None, as_json: bool) -> int:
    """Write a message as RFC 5322 octets, exactly as they are sent, to standard output or a file.

    ID is the id that the relay answered (`queued as …`); its begin or end will do.
    """
    from relay.control.queue import NotFoundError, SpoolError, export_of, item_of

    if as_json and output is None:
        raise click.UsageError("--json writes beside a file: give one with -o")
    settings = settings_from(config)
    try:
        item = item_of(settings, message_id)
        if item.state in _WITHOUT_CONTENT:
            raise TellingError(f"Nothing but the record of {item.id} is kept: it was {item.state}; see queue show.")
        with _opened(output) as file:
            file.writelines(export_of(settings, item.id))
    except NotFoundError as error:
        raise TellingError(str(error)) from error
    except SpoolError as error:
        raise UnavailableError(str(error)) from error
    if as_json and output is not None:
        with _opened(output.with_name(output.name + ".json")) as file:
            file.write(json.dumps(asdict(item), indent=2).encode() + b"\n")
    return ExitCode.DONE


@contextmanager
def _opened(output: Path | None) -> Iterator[BinaryIO]:
    """Standard output, or a new file that only its owner reads; half a message is not left behind."""
    if output is None:
        yield sys.stdout.buffer
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}; name a new file, where you may write") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except BaseException:
        output.unlink(missing_ok=True)
        raise
