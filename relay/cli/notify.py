"""`relay notify`: notifications by other ways than mail, tried by hand."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from relay.cli.options import ExitCode, config_option, settings_from
from relay.cli.progress import progress

if TYPE_CHECKING:
    from pathlib import Path


@click.group
def notify() -> None:
    """Try the channels of notifications."""


@notify.command
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def test(config: Path, as_json: bool) -> int:
    """Send a test to each channel, and say what each answered."""
    from relay.control.notify import send_test

    settings = settings_from(config)
    with progress("asking the channels"):
        tried = send_test(settings, settings.hostname or socket.gethostname())
    if as_json:
        click.echo(json.dumps([asdict(one) for one in tried], indent=2))
    else:
        lines = [f"{one.channel}  {one.why or 'taken'}" for one in tried]
        click.echo("\n".join(lines) or "No channel is configured (notifications.channels).")
    return ExitCode.FAILED if any(one.why for one in tried) else ExitCode.DONE
