"""`relay explain`: what would happen to a message, and which line of the configuration says so."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from relay.cli.options import BrokenConfig, ExitCode, config_option
from relay.cli.table import listing

if TYPE_CHECKING:
    from pathlib import Path

    from relay.control.explain import Explanation, Question


@click.group
def explain() -> None:
    """Ask what would happen, without sending anything."""


@explain.command
@config_option
@click.option("--from", "address", required=True, metavar="ADDRESS", help="IP address the device sends from.")
@click.option("--login", default="", help="User name it signs in with; the password is not looked at.")
@click.option("--mail-from", "sender", default="", help="What it says in MAIL FROM.  [default: the empty sender]")
@click.option("--rcpt", "recipients", multiple=True, metavar="RECIPIENT", help="A recipient; more may be given.")
@click.option("--header-from", default="", help='The From of the message, such as "Ann <ann@contoso.com>".')
@click.option("--listener", default="", help="Address or port of a listener.  [default: the first]")
@click.option("--tls", "encrypted", is_flag=True, help="The device uses STARTTLS before it logs in or sends.")
@click.option("--size", type=click.IntRange(min=0), help="Size of the message in bytes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def device(config: Path, as_json: bool, **asked: object) -> int:
    """Say which device that is, what it may do, and what its headers become.

    Exit code 0 when the message would be taken, 1 when it would be refused. Whether the device is over its
    messages_per_hour, or blocked for wrong passwords, only the running relay knows.
    """
    from relay.control.explain import Question

    found = _explained(config, Question(**asked))  # type: ignore[arg-type]
    click.echo(json.dumps({"allowed": found.allowed, **asdict(found)}, indent=2) if as_json else story(found))
    return ExitCode.DONE if found.allowed else ExitCode.FAILED


def _explained(config: Path, question: Question) -> Explanation:
    from relay.config.loader import ConfigError
    from relay.control.explain import explain as explained

    try:
        return explained(config, question)
    except ConfigError as error:
        raise BrokenConfig(str(error)) from error
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from error


def story(found: Explanation) -> str:
    """The dry run as a person reads it."""
    facts = {
        "listener": found.listener,
        "device": found.device or "none: nobody knows it",
        "known by": found.known_by,
        "owner": found.owner,
        "profile": found.profile,
    }
    blocks = [listing(facts)]
    for step in found.steps:
        answer = {"answer": f"{'allowed' if step.allowed else 'refused'}: {step.reply}", "by": step.decided_by}
        blocks.append(f"{step.command}\n{listing(answer)}")
    blocks += [f"hint: {hint}" for hint in found.hints]
    if found.headers:
        changes = ", ".join(found.changes) or "none"
        blocks.append(f"leaves as MAIL FROM:{found.sends_as}, changes: {changes}\n" + "\n".join(found.headers))
    blocks.append("allowed" if found.allowed else "refused")
    return "\n\n".join(blocks)
