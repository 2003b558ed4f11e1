"""`relay trace`: the whole story of one message, whether or not the relay runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from relay.cli.options import ExitCode, TellingError, UnavailableError, config_option, settings_from
from relay.cli.table import listing

if TYPE_CHECKING:
    from pathlib import Path

    from relay.control.trace import Scene, Trace


@click.command()
@config_option
@click.argument("message_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def trace(config: Path, message_id: str, as_json: bool) -> int:
    """Tell the whole story of one message, both SMTP sides included.

    ID is the id that the relay answered (`queued as …`) and the journal writes; its begin or end will do. Or the
    Message-ID, in quotes and angle brackets: '<…@…>'. In what was said C is the client and S the server, with the
    milliseconds since the connection began; secrets are masked.
    """
    from relay.control.queue import SpoolError
    from relay.control.trace import NotFoundError
    from relay.control.trace import trace as trace_message

    try:
        found = trace_message(settings_from(config), message_id)
    except NotFoundError as error:
        raise TellingError(str(error)) from error
    except SpoolError as error:
        raise UnavailableError(str(error)) from error
    click.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False) if as_json else story(found))
    return ExitCode.DONE


def story(found: Trace) -> str:
    """A message as a person reads it: what happened, then how things stand."""
    facts = {one["address"]: f"{one['state']} {one['answer']}" for one in found.recipients}
    standing = listing({"state": found.state, "next": found.next})
    blocks = [f"message {found.id}", *map(_scene, found.scenes), f"now\n{_indented(standing)}"]
    return "\n\n".join([*blocks, f"recipients\n{_indented(listing(facts))}"])


def _scene(scene: Scene) -> str:
    parts = [f"{scene.at}  {scene.what}"]
    if scene.facts:
        parts.append(_indented(listing(scene.facts)))
    if scene.transcript:
        parts.append(_indented("\n".join(scene.transcript)))
    return "\n".join(parts)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
