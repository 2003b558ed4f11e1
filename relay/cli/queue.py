"""`relay queue`: what is in the spool, what became of it, and what will happen to it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from relay.cli.export import export
from relay.cli.options import ExitCode, TellingError, UnavailableError, config_option, json_option, settings_from
from relay.cli.orders import STATES, chosen_by, drop, filters_of_a_list, hold, release, retry
from relay.cli.paint import painted
from relay.cli.table import listing, table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from relay.control.queue import QueueItem, QueueRow


@click.group
def queue() -> None:
    """Look into the queue, whether or not the relay runs, and give orders to it."""


for _command in (retry, hold, release, drop, export):
    queue.add_command(_command)


@queue.command("list")
@config_option
@filters_of_a_list
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many, oldest first."
)
@click.option("--all", "everything", is_flag=True, help="As many as there are.")
@json_option
def list_(config: Path, selection: dict[str, Any], limit: int, everything: bool, as_json: bool) -> None:
    """List messages, one a line: all that are not settled, or those that the options mean."""
    from relay.control.queue import open_queue

    settings = settings_from(config)
    chosen = chosen_by(settings, selection, None if everything else limit)
    with _spool_errors():
        browser = open_queue(settings)
        rows = browser.select(chosen)
        counts = {} if as_json else browser.counts()
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    if rows:
        click.echo(painted(table([_line(row) for row in rows], whole="next")))
    elif not counts or (not chosen.narrow and not everything):
        click.echo("Nothing waits.")
    else:
        click.echo("No message is meant by these filters.")
    if counts:
        click.echo(f"\n{_summary(counts, len(rows), limited=len(rows) == chosen.limit)}")


def _line(row: QueueRow) -> dict[str, Any]:
    from relay.policy.prospect import span

    return {
        "id": row.id, "state": row.state, "age": span(row.age_s), "device": row.device, "profile": row.profile,
        "size": row.size, "tries": row.attempts, "doubts": row.doubts, "next": row.next, "answer": row.answer,
    }  # fmt: skip


def _summary(counts: dict[str, int], shown: int, *, limited: bool) -> str:
    known = [f"{counts[state]} {state}" for state in STATES if counts.get(state)]
    return ", ".join(known) + (f"; the {shown} oldest are shown: --limit, --all" if limited else "")


@queue.command("new-key")
@json_option
def new_key(as_json: bool) -> None:
    """Print a fresh key for spool.encryption.key, and do nothing else."""
    from relay.control.queue import new_key as fresh_key

    click.echo(json.dumps({"key": fresh_key()}) if as_json else fresh_key())


@queue.command
@config_option
@json_option
def unknown(config: Path, as_json: bool) -> None:
    """List answers of Microsoft that this relay does not know, to report them.

    They were judged by their code alone. `[host time id]` is left out; `relay queue show ID` has the whole answer.
    """
    from relay.control.answers import REPORT
    from relay.control.queue import open_queue

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
    """Show one message: its recipients, attempts and answers.

    ID is the id that the relay answered (`queued as …`); its begin or end will do.
    """
    from relay.control.queue import NotFoundError, item_of

    try:
        with _spool_errors():
            item = item_of(settings_from(config), message_id)
    except NotFoundError as error:
        raise TellingError(str(error)) from error
    click.echo(json.dumps(asdict(item), indent=2) if as_json else story(item))
    return ExitCode.DONE


def story(item: QueueItem) -> str:
    """One message as a person reads it: the facts, who it is for, what was tried."""
    facts = asdict(item)
    recipients, attempts, events, notices = (
        facts.pop(name) for name in ("recipients", "attempts", "events", "notices")
    )
    blocks = [listing(facts)]
    blocks += [_recipient(recipient) for recipient in recipients]
    blocks += [f"attempt {number}\n{listing(attempt)}" for number, attempt in enumerate(attempts, 1)]
    blocks += [f"notice owed\n{listing(notice)}" for notice in notices]
    blocks += [f"event {number}\n{listing(event)}" for number, event in enumerate(events, 1)]
    return "\n\n".join(blocks)


def _recipient(recipient: dict[str, str]) -> str:
    address = recipient.pop("address")
    return f"recipient {address}\n{listing(recipient)}"


@contextmanager
def _spool_errors() -> Iterator[None]:
    from relay.control.queue import SpoolError

    try:
        yield
    except SpoolError as error:
        raise UnavailableError(str(error)) from error
