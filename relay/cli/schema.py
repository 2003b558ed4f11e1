"""`relay schema`: what an editor needs to complete and check a configuration."""

from __future__ import annotations

import json

import click


@click.command
def schema() -> None:
    """Print the configuration's JSON Schema, for editors."""
    from relay.config.reference import schema as document

    click.echo(json.dumps(document(), indent=2, ensure_ascii=False))
