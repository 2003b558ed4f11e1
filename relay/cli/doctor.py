"""`relay doctor`: is everything there that a profile needs, from the name service to a mail that really leaves?"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

import click

from relay.cli import names
from relay.cli.options import config_option, settings_from
from relay.cli.paint import painted
from relay.cli.progress import progress
from relay.cli.table import listing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from relay.cli.progress import Progress
    from relay.config.settings import Settings
    from relay.control.doctor import Examination, Wish
    from relay.control.doctor_step import Step

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")  # a server's words must not steer the terminal
_MAIL = re.compile(r"[^@\s<>\x00-\x1f]+@[^@\s<>\x00-\x1f]+")
_INDENT = " " * 27


def _address(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    if text and not _MAIL.fullmatch(text):
        raise click.BadParameter(f"{text!r} is no mail address; write it plain: ann@contoso.com")
    return text


@click.command
@click.argument("profile", required=False, shell_complete=names.profiles)
@config_option
@click.option(
    "--send-to",
    default="",
    metavar="ADDRESS",
    callback=_address,
    help="Really send a short mail there; only that proves Send As.",
)
@click.option(
    "--from", "send_from", default="", metavar="ADDRESS", callback=_address,
    help="Its author.  [default: as the profile sends]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(profile: str | None, config: Path, as_json: bool, send_to: str, send_from: str) -> int:
    """Try a PROFILE (or all) step by step, from DNS to the sign-in.

    Tests the file as it is, in service or not; a running relay is not disturbed, nothing is written. The scope is
    proved on both sides: the mailbox is granted, the profile's canary is denied. Exit code 0: all well, 1: somebody
    refused, 69: nobody answered, 78: the configuration is broken.
    """
    from relay.control.doctor import Wish, exit_code

    settings = settings_from(config)
    names = [profile] if profile else list(settings.profiles)
    if profile and profile not in settings.profiles:
        raise click.UsageError(f"there is no profile {profile}; there are {', '.join(settings.profiles)}")
    with progress("asking the name service") as busy:
        tell = _silent if as_json else _teller(busy)
        found = asyncio.run(_examine(settings, names, Wish(send_to, send_from), tell))
    if as_json:
        whole = {"good": all(each.good for each in found), "profiles": [each.to_json() for each in found]}
        click.echo(json.dumps(whole, indent=2))
    else:
        click.echo("\n" + summary(found))
    return exit_code(found)


async def _examine(settings: Settings, names: list[str], wish: Wish, tell: Callable[[str], None]) -> list[Examination]:
    from relay.control.doctor import Doctor

    physician, found = Doctor(settings, wish), []
    for name in names:
        for kind in physician.ways(name):
            mailbox = settings.profiles[name].mailbox
            tell(f"\nprofile {name}: {mailbox} by transport {kind}")
            found.append(await physician.examine(name, kind, lambda step: tell(line(step))))
    return found


def line(step: Step) -> str:
    """One step as a person reads it; on failure with the answer, its meaning and the remedy below."""
    first = f"  {step.state:<8}{step.name:<9}{step.ms:>5} ms {plain(step.result)}"
    rest = listing({"answer": plain(step.answer), "meaning": step.meaning, "remedy": step.remedy})
    return "\n".join([first, *(f"{_INDENT}{each}" for each in rest.splitlines())])


def summary(found: list[Examination]) -> str:
    """The last line: who is well."""
    ill = [each for each in found if not each.good]
    if not ill:
        return "all is well"
    first = [
        f"{each.profile} ({', '.join(step.name for step in each.steps if step.state == 'failed')})" for each in ill
    ]
    return f"not well: {', '.join(first)}"


def plain(text: str) -> str:
    """Without control characters, and not longer than one reads."""
    return _CONTROL.sub(" ", text)[:600]


def _teller(busy: Progress) -> Callable[[str], None]:
    """Tells each step when it is done; whoever waits for the next one sees what was the last."""

    def tell(text: str) -> None:
        with busy.aside():
            click.echo(painted(text))
        words = text.split()
        busy.say(f"trying on after {words[1]}" if words[0] in ("ok", "failed", "skipped") else "trying")

    return tell


def _silent(text: str) -> None:
    """JSON is printed whole, at the end."""
