"""The verbs of `relay`, their order in the help, and the last word on errors of usage."""

from __future__ import annotations

import json
import os
from importlib import import_module

import click

from relay import __version__
from relay.cli.examples import with_examples
from relay.cli.paint import OPTION, unwanted

# The order is the order of an administrator's day. Each verb is the command of the same name in relay/cli/<verb>.py.
VERBS = (
    "demo",
    "init",
    "import",
    "serve",
    "check",
    "authorize",
    "setup",
    "doctor",
    "send",
    "queue",
    "trace",
    "status",
    "top",
    "device",
    "admin",
    "notify",
    "explain",
    "sandbox",
    "example",
    "schema",
    "healthcheck",
    "completion",
    "version",
)
_FILES = {"import": "importing"}  # a word of Python's own can't name a file

EXIT_CODES = {
    0: "done",
    1: "refused or failed; the output says by whom and what to do",
    2: "wrong usage",
    69: "the relay, or what the command needs, can't be reached (healthcheck: 1, as Docker wants it)",
    75: "refused for now; the same again may work later",
    78: "the configuration is broken; every mistake is listed",
    130: "interrupted",
}
_CODES = "\n".join(f"  {code:<4} {meaning}" for code, meaning in EXIT_CODES.items())
EPILOGUE = f"""\b
Exit codes:
{_CODES}

\b
Start here:
  relay demo                            see it work, without a tenant
  relay init                            a configuration, after five questions
  relay check --config relay.yaml       every mistake at once
  relay doctor --config relay.yaml      is the tenant ready?
  relay serve --config relay.yaml       run it
"""


class Verbs(click.Group):
    """Finds each verb in its own file, and imports only the one that is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        if cmd_name == "healthcheck":
            return with_examples(_healthcheck, cmd_name)
        name = _FILES.get(cmd_name, cmd_name)
        return with_examples(getattr(import_module(f"relay.cli.{name}"), name), cmd_name)


@click.group(
    cls=Verbs, epilog=EPILOGUE, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="relay")
@click.option("--no-color", is_flag=True, expose_value=False, help="No colours; as with NO_COLOR set.")
def relay() -> None:
    """A local SMTP relay that adds OAuth2 to legacy devices.

    Devices hand in plain SMTP, Exchange Online gets XOAUTH2. Nothing accepted is lost.
    """


def run(arguments: list[str]) -> int:
    """Runs one verb and returns its exit code; what was wrong with the usage is said."""
    if asked := os.environ.get("_RELAY_COMPLETE"):
        from relay.cli.completion import answer

        return answer(asked)
    plain = unwanted(arguments)
    words = [word for word in arguments if word != OPTION]  # understood wherever it stands
    try:
        with relay.make_context("relay", words, color=False if plain else None) as context:
            return int(relay.invoke(context) or 0)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        if "--json" in arguments:
            click.echo(json.dumps(_as_json(error), ensure_ascii=False), err=True)
        else:
            error.show()
        return error.exit_code
    except click.Abort:
        click.echo("Aborted.", err=True)
        return 1


def _as_json(error: click.ClickException) -> dict[str, object]:
    """An error for a program: what a person would read, and the exit code."""
    return {"error": error.format_message(), "code": int(error.exit_code)}


@click.command("healthcheck")
@click.option("--ready", is_flag=True, help="Ask /readyz (http.listen) instead: it says why no mail is taken.")
@click.option("--address", default="", metavar="HOST:PORT", help="Where the relay listens.")
def _healthcheck(ready: bool, address: str) -> int:
    """Is the relay taking mail? For containers.

    Exit code 0: healthy, 1: not, whatever the reason, a relay out of reach too: Docker knows these two alone.
    """
    from relay.cli.healthcheck import healthcheck

    return healthcheck([*(["--ready"] if ready else []), *(["--address", address] if address else [])])
