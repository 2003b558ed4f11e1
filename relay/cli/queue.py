"""`relay queue`: what is in the spool, and what will happen to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from relay.cli.options import ExitCode, config_option, settings_from
from relay.cli.table import listing, plain, table

if TYPE_CHECKING:
    from pathlib import Path

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


@click.group
def queue() -> None:
    """Look into the queue."""


@queue.command("list")
@config_option
@click.option("--state", help="Only messages in this state, such as ready, deferred, held or failed.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many, oldest first."
)
@json_option
def list_(config: Path, state: str | None, limit: int, as_json: bool) -> None:
    """List messages, one a line."""
    from relay.control import open_queue

    rows = [plain(row) for row in open_queue(settings_from(config)).list(state=state, limit=limit)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        click.echo(table(rows))
    else:
        click.echo("The queue is empty." if state is None else f"No message is {state}.")


@queue.command
@config_option
@click.argument("message_id", metavar="ID")
@json_option
def show(config: Path, message_id: str, as_json: bool) -> int:
    """Show one message: its recipients, attempts and answers."""
    from relay.control import open_queue

    item = open_queue(settings_from(config)).show(message_id)
    if item is None:
        click.echo(f"There is no message {message_id}; `relay queue list` shows what there is.", err=True)
        return ExitCode.FAILED
    facts = plain(item)
    click.echo(json.dumps(facts, indent=2) if as_json else listing(facts))
    return ExitCode.DONE
