"""`relay version`: what a report about a problem should begin with."""

from __future__ import annotations

import json
import platform

import click

from relay import __version__
from relay.cli.options import json_option


@click.command
@json_option
def version(as_json: bool) -> None:
    """Print the versions of the relay and of what it stands on."""
    import sqlite3
    import ssl

    facts = {
        "relay": __version__, "python": platform.python_version(), "openssl": ssl.OPENSSL_VERSION,
        "sqlite": sqlite3.sqlite_version, "platform": platform.platform(),
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    click.echo(f"relay {facts['relay']}")
    click.echo(f"Python {facts['python']}, {facts['openssl']}, SQLite {facts['sqlite']}")
    click.echo(facts["platform"])
