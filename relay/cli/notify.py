"""`relay notify`: notifications by other ways than mail, tried by hand."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from relay.cli.options import BrokenConfig, ExitCode, config_option, settings_from
from relay.cli.progress import progress

if TYPE_CHECKING:
    from pathlib import Path

_NO_CHANNEL = (
    "No channel is configured, so nobody was told. Put into {config}, with the address of the channel in the file:\n"
    "notifications:\n  channels:\n  - url: {{file: /etc/relay/channel}}\n"
    "Apprise knows more than a hundred services; https://appriseit.com lists how the address of each is written."
)


@click.group
def notify() -> None:
    """Try the channels of notifications."""


@notify.command
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def test(config: Path, as_json: bool) -> int:
    """Send a test to each channel, and say what each answered.

    Exit code 0: each took it, 1: one did not, 78: no channel is configured.
    """
    from relay.control.notify import send_test

    settings = settings_from(config)
    if not settings.notifications.channels:
        raise BrokenConfig(_NO_CHANNEL.format(config=config))
    with progress("asking the channels"):
        tried = send_test(settings, settings.hostname or socket.gethostname())
    if as_json:
        click.echo(json.dumps([asdict(one) for one in tried], indent=2))
    else:
        lines = [f"{one.channel}  {one.why or 'taken'}" for one in tried]
        click.echo("\n".join(lines))
    return ExitCode.FAILED if any(one.why for one in tried) else ExitCode.DONE
