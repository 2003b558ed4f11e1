"""`relay init`: five questions, and a configuration that passes `relay check`."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from relay.cli import init_questions as ask
from relay.cli.new_file import may_write, write
from relay.cli.options import BrokenConfig, ExitCode, json_option

if TYPE_CHECKING:
    from relay.config.starter import Answers

_LONGEST = 4096
_SANDBOX_KNOWS = ("tenant", "client_id", "secret", "secret_stdin", "mailbox")


@click.command
@click.option("--tenant", default="", help="The tenant: its id, a domain, or an address with one of them in it.")
@ask.cloud_option
@click.option("--client-id", default="", help="The application (client) id of the app registration.")
@click.option(
    "--secret", default="", metavar="PLACE", help="Where the client secret is kept: env:NAME, file:/path or cred:NAME."
)
@click.option("--secret-stdin", is_flag=True, help="Read the secret from standard input and put it into that file.")
@click.option("--mailbox", default="", metavar="ADDRESS", help="The mailbox that sends.")
@click.option(
    "--device", "devices", multiple=True, metavar="[NAME=]ADDRESS",
    help="A device's address, or a network of devices; may be repeated.",
)  # fmt: skip
@click.option(
    "--recipients", multiple=True, metavar="PATTERN",
    help="Whom the devices may write to; may be repeated.  [default: the mailbox's domain]",
)  # fmt: skip
@click.option("--listen", default="0.0.0.0:2525", show_default=True, metavar="HOST:PORT", help="Where devices connect.")
@click.option("--data-dir", default="/var/lib/relay", show_default=True, metavar="DIR", help="The directory of mail.")
@click.option(
    "--sandbox", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
    help="For trying out: tenant, secret and mailbox as `relay sandbox` printed them into FILE.",
)  # fmt: skip
@click.option(
    "--out", "-o", type=click.Path(path_type=Path, dir_okay=False), default="relay.yaml", show_default=True,
    help="The file to write.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@json_option
def init(out: Path, force: bool, sandbox: Path | None, as_json: bool, **given: Any) -> int:
    """Write a configuration, after five questions.

    The tenant, the client id, where the client secret is kept, the mailbox that sends, and the devices. Each question
    is an option too: with all of them nothing is asked. A secret that is typed goes into a file that only you can read,
    never into the configuration. What is written passes `relay check`; what to do next is printed.
    """
    may_write(out, force=force)
    if sandbox is not None:
        return _written(out, _for_sandbox(sandbox, given), force=force, as_json=as_json)
    from relay.config.starter import starter

    answers = _answers(out, given)
    _keep_secret(answers.credential["secret"], from_stdin=given["secret_stdin"], force=force)
    return _written(out, starter(answers.values()), force=force, as_json=as_json)


def _answers(out: Path, given: dict[str, Any]) -> Answers:
    from relay.config.starter import Answers

    beside = f"file:{out.absolute().parent / 'relay.secret'}"
    kept = "3/5  Where the client secret is kept (env:NAME, file:/path, cred:NAME)"
    questions = (
        ask.Question("--tenant", "1/5  Tenant (its id or a domain)", partial(ask.tenant, cloud=given["cloud"])),
        ask.Question("--client-id", "2/5  Application (client) id", ask.client_id),
        ask.Question("--secret", kept, ask.secret_place, beside),
        ask.Question("--mailbox", "4/5  Mailbox that sends", ask.mailbox),
        ask.Question("--device", "5/5  Address or network of the devices (several: copier=10.0.2.17 …)", ask.devices),
    )  # fmt: skip
    texts = {"--tenant": given["tenant"], "--client-id": given["client_id"], "--mailbox": given["mailbox"]}
    texts |= {"--device": " ".join(given["devices"]), "--secret": given["secret"]}
    if given["secret_stdin"] and not texts["--secret"]:
        texts["--secret"] = beside
    found = ask.answers(questions, texts)
    return Answers(
        found["--tenant"], found["--client-id"], {"secret": found["--secret"]}, found["--mailbox"], found["--device"],
        tuple(given["recipients"]), given["data_dir"], given["listen"], given["cloud"],
    )  # fmt: skip


def _keep_secret(place: dict[str, str], *, from_stdin: bool, force: bool) -> None:
    """Puts the secret into its file, where there is none yet and somebody can tell it."""
    if "file" not in place:
        if from_stdin:
            raise click.UsageError("--secret-stdin goes with a file: --secret file:/path")
        return
    path = Path(place["file"])
    if from_stdin:
        secret = sys.stdin.readline(_LONGEST).strip()
    elif path.exists() or not sys.stdin.isatty():
        return
    else:
        secret = click.prompt(f"     The client secret (kept in {path})", hide_input=True, err=True).strip()
    if not secret:
        raise click.UsageError("the secret is empty; nothing was written")
    write(path, secret + "\n", mode=0o600, force=force)
    click.echo(f"{path} written, for your eyes only; let the relay's user read it where that is another", err=True)


def _for_sandbox(file: Path, given: dict[str, Any]) -> str:
    """The tenant of a running sandbox, on loopback, with the devices that were named or this machine."""
    import yaml

    from relay.config.starter import starter

    if double := [name for name in _SANDBOX_KNOWS if given[name]]:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in double)
        raise click.UsageError(f"the sandbox's own file says that already: leave out {options}, or --sandbox")
    try:
        cloud = yaml.safe_load(file.read_text(encoding="utf-8"))
        profile = next(iter(cloud["profiles"]))
        made = {"apps": cloud["apps"], "profiles": {profile: cloud["profiles"][profile]}}
    except (OSError, ValueError, yaml.YAMLError, TypeError, KeyError, StopIteration) as error:
        raise click.UsageError(f"--sandbox {file}: this is not what `relay sandbox` prints ({error})") from error
    named = ask.Question("--device", "", ask.devices).answered(" ".join(given["devices"]) or "this-machine=127.0.0.0/8")
    written_to = {"recipients": list(given["recipients"])} if given["recipients"] else {}
    devices = {name: {"address": address, "profile": profile} | written_to for name, address in named.items()}
    listen = _chosen("listen", given, "127.0.0.1:2525")
    data_dir = _chosen("data_dir", given, str(Path("relay-data").absolute()))
    here = {"data_dir": data_dir, "listeners": [{"listen": listen}]}
    return starter(here | made | {"devices": devices})


def _chosen(name: str, given: dict[str, Any], otherwise: str) -> str:
    """What was said, else another value than the option's own."""
    said = click.get_current_context().get_parameter_source(name) is not ParameterSource.DEFAULT
    return str(given[name]) if said else otherwise


def _written(out: Path, text: str, *, force: bool, as_json: bool) -> int:
    """Writes the configuration, checks it as `relay check` does, and says what comes next."""
    from relay.config.loader import ConfigError, check, parse

    try:
        parse(text, str(out))
    except ConfigError as error:
        raise BrokenConfig(f"{error}\nnothing was written") from error
    write(out, text, mode=0o644, force=force)
    complaints = check(out)
    steps = _next(out, text, good=not complaints)
    if as_json:
        found = {"file": str(out), "complaints": [str(one) for one in complaints], "next": list(steps)}
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return ExitCode.DONE
    click.echo(f"{out} written" + (", and good" if not complaints else "; still to do:"), err=True)
    for complaint in complaints:
        click.echo(f"  {complaint}", err=True)
    width = max(map(len, steps))
    click.echo("\n".join(["Next:", *(f"  {step:<{width}}  {why}" for step, why in steps.items())]))
    return ExitCode.DONE


def _next(out: Path, text: str, *, good: bool) -> dict[str, str]:
    """The commands that come next, and what each is for."""
    from relay.config.loader import parse

    profile = next(iter(parse(text).profiles))
    return {
        f"relay check -c {out}": "again, when that is done" if not good else "what the file means",
        f"relay setup m365 {profile} -c {out} -o setup.ps1": "the PowerShell that lets it send",
        f"relay doctor -c {out}": "is the tenant ready?",
        f"relay serve -c {out}": "run it",
    }
