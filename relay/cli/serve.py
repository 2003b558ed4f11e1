"""`relay serve`: the service, in the foreground."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from relay.cli.options import config_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command
@config_option
def serve(config: Path) -> int:
    """Run the relay.

    It stays in the foreground and logs to standard output. SIGTERM finishes what is in hand and stops; SIGHUP takes up
    a changed configuration without dropping a session, and keeps the old one when the new one is broken.
    """
    from relay.app import serve

    return serve(config)
