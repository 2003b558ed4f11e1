"""`relay queue`: what is in the spool, what became of it, and what will happen to it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from relay.cli.options import ExitCode, UnavailableError, config_option, settings_from
from relay.cli.table import listing, table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from relay.control import QueueItem

# relay.spool.store.State, which control speaks for
STATES = ("queued", "uncertain", "leased", "held", "corrupt", "delivered", "failed", "dropped")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


@click.group
def queue() -> None:
    """Look into the queue, whether or not the relay runs."""


@queue.command("list")
@config_option
@click.option("--state", type=click.Choice(STATES), help="Only messages in this state.  [default: all not settled]")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many, oldest first."
)
@json_option
def list_(config: Path, state: str | None, limit: int, as_json: bool) -> None:
    """List messages, one a line."""
    from relay.control import open_queue

    with _spool_errors():
        rows = [asdict(row) for row in open_queue(settings_from(config)).list(state=state, limit=limit)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        click.echo(table(rows))
    else:
        click.echo(f"No message is {state}." if state else "Nothing waits.")


@queue.command("new-key")
def new_key() -> None:
    """Print a fresh key for spool.encryption.key, and do nothing else."""
    from relay.control.queue import new_key as fresh_key

    click.echo(fresh_key())


@queue.command
@config_option
@json_option
def unknown(config: Path, as_json: bool) -> None:
    """List answers of Microsoft that this relay does not know, to report them.

    They were judged by their code alone. `[host time id]` is left out; `relay queue show ID` has the whole answer.
    """
    from relay.control import open_queue
    from relay.control.answers import REPORT

    with _spool_errors():
        rows = [asdict(row) for row in open_queue(settings_from(config)).unknown()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        click.echo("\n\n".join(listing(row) for row in rows))
        click.echo(f"\n{REPORT}")
    else:
        click.echo("Every answer so far is known.")


@queue.command
@config_option
@click.argument("message_id", metavar="ID")
@json_option
def show(config: Path, message_id: str, as_json: bool) -> int:
    """Show one message: its recipients, attempts and answers."""
    from relay.control import open_queue

    with _spool_errors():
        item = open_queue(settings_from(config)).show(message_id)
    if item is None:
        click.echo(f"There is no message {message_id}; `relay queue list` shows what there is.", err=True)
        return ExitCode.FAILED
    click.echo(json.dumps(asdict(item), indent=2) if as_json else story(item))
    return ExitCode.DONE


def story(item: QueueItem) -> str:
    """One message as a person reads it: the facts, who it is for, what was tried."""
    facts = asdict(item)
    recipients, attempts = facts.pop("recipients"), facts.pop("attempts")
    blocks = [listing(facts)]
    blocks += [f"recipient {recipient['address']}\n{listing(recipient)}" for recipient in recipients]
    blocks += [f"attempt {number}\n{listing(attempt)}" for number, attempt in enumerate(attempts, 1)]
    return "\n\n".join(blocks)


@contextmanager
def _spool_errors() -> Iterator[None]:
    from relay.control import SpoolError

    try:
        yield
    except SpoolError as error:
        raise UnavailableError(str(error)) from error
