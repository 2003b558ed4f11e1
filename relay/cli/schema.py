"""`relay schema`: what an editor needs to complete and check a configuration."""

from __future__ import annotations

import click


@click.command
def schema() -> None:
    """Print the configuration's JSON Schema, for editors."""
    from relay.config.reference import schema as text

    click.echo(text(), nl=False)
