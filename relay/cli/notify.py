"""`relay notify`: notifications by other ways than mail, tried by hand."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import click

from relay.cli.options import ExitCode, config_option, settings_from

if TYPE_CHECKING:
    from pathlib import Path


@click.group
def notify() -> None:
    """Try the channels of notifications."""


@notify.command
@config_option
def test(config: Path) -> int:
    """Send a test to each channel, and say what each answered."""
    from relay.control.notify import send_test

    settings = settings_from(config)
    tried = send_test(settings, settings.hostname or socket.gethostname())
    for one in tried:
        click.echo(f"{one.channel}  {one.why or 'taken'}")
    if not tried:
        click.echo("No channel is configured (notifications.channels).")
    return ExitCode.FAILED if any(one.why for one in tried) else ExitCode.DONE
