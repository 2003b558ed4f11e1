"""`relay example`: a configuration to fill in, printed out of the settings code."""

from __future__ import annotations

import click


@click.command
def example() -> None:
    """Print a commented configuration."""
    from relay.config.reference import example as text

    click.echo(text(), nl=False)
