"""`relay explain`: what an answer of Microsoft means; what would happen to a message, and which line says so."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from relay.cli import names
from relay.cli.options import BrokenConfig, ExitCode, TellingError, config_option, settings_from
from relay.cli.table import listing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from relay.config.settings import Settings
    from relay.control.answers import Explained
    from relay.control.explain import Explanation, Question
    from relay.policy.verdicts import Facts


_LONGEST = 20_000  # octets of standard input; an answer stands at the front


class Answers(click.Group):
    """A group whose first word, where it names no command, begins an answer to be explained."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *self.get_help_option_names(ctx)):
            args = ["answer", *args]
        return super().parse_args(ctx, args)


@click.group(cls=Answers)
def explain() -> None:
    """Ask what an answer means, or what would happen, without sending anything."""


@explain.command
@click.argument("text", nargs=-1, required=True)
@click.option("--stage", default="", help="The step it was given at, such as auth, rcpt or final.  [default: a guess]")
@click.option(
    "--profile",
    default="",
    shell_complete=names.profiles,
    metavar="NAME",
    help="Fill the remedy with the values of this profile.",
)
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def answer(text: tuple[str, ...], stage: str, profile: str, config: Path, as_json: bool) -> int:
    """Say what an answer of Exchange Online, Graph or Entra means, and what to do about it.

    TEXT is a reply, an AADSTS number, a log line, JSON, a bounce, or a rule of the log; - reads it from standard input.
    Works offline; a configuration is read with --profile only. Exit code 0 when the answer is known, 1 when it is not.
    """
    from relay.control.answers import REPORT, STAGES, explain_answer, facts_for, no_answer

    if stage and stage not in STAGES:
        raise click.BadParameter(f"{stage} is no step; there are {', '.join(STAGES)}", param_hint="--stage")
    pasted = _input() if text == ("-",) else " ".join(text)
    found = explain_answer(pasted, stage, _facts(config, profile, facts_for) if profile else None)
    if found is None:
        words = no_answer(pasted)
        raise TellingError(f"{words[0].upper()}{words[1:]}.")
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False))
    else:
        click.echo(meaning(found) if found.known else f"{meaning(found)}\n\n{REPORT}")
    return ExitCode.DONE if found.known else ExitCode.FAILED


def _input() -> str:
    return sys.stdin.buffer.read(_LONGEST).decode("utf-8", "replace")


def _facts(config: Path, profile: str, facts_for: Callable[[Settings, str], Facts]) -> Facts:
    try:
        return facts_for(settings_from(config), profile)
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from error


def meaning(found: Explained) -> str:
    """The explanation as a person reads it."""
    from relay.policy.effect import CLASSES, SCOPES

    unknown = "" if found.known else "no: judged by its code alone"
    return listing({
        "answer": found.answer,
        "from": found.said_by,
        "step": f"{found.stage}  (a guess; --stage says otherwise)" if found.assumed else found.stage,
        "known": unknown,
        "meaning": found.meaning,
        "class": CLASSES[found.kind],
        "concerns": SCOPES[found.scope],
        "the relay": found.effect,
        "remedy": f"{found.remedy}\n(--profile NAME fills the blanks)" if "<" in found.remedy else found.remedy,
        "rule": found.rule,
        "source": found.source,
        "more": found.link,
    })  # fmt: skip


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
    click.echo(json.dumps(asdict(found), indent=2) if as_json else story(found))
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
