"""`relay version`: what a report about a problem should begin with."""

from __future__ import annotations

import platform

import click

from relay import __version__


@click.command
def version() -> None:
    """Print the versions of the relay and of what it stands on."""
    import sqlite3
    import ssl

    click.echo(f"relay {__version__}")
    click.echo(f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}, SQLite {sqlite3.sqlite_version}")
    click.echo(platform.platform())
