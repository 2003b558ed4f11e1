"""What several verbs share: the `--config` option, the exit codes, and how a broken configuration is told."""

from __future__ import annotations

import sys
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from relay.config.settings import Settings

DEFAULT_CONFIG = "/etc/relay/relay.yaml"

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
config_option = click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path, readable=False),  # the loader says more than click does
    envvar="RELAY_CONFIG",
    default=DEFAULT_CONFIG,
    show_default=f"$RELAY_CONFIG or {DEFAULT_CONFIG}",
    help="The configuration file.",
)


class ExitCode(IntEnum):
    """How a verb ends; the numbers above 2 are those of sysexits.h."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNAVAILABLE = 69
    TRY_LATER = 75
    CONFIG = 78


class TellingError(click.ClickException):
    """Ends a verb with code 1; its text is shown as it is."""

    def show(self, file: object = None) -> None:  # noqa: ARG002  (click's signature)
        click.echo(self.message, err=True)


class BrokenConfig(TellingError):  # noqa: N818  (named for what is the case)
    """Ends a verb with code 78; shows every complaint."""

    exit_code = ExitCode.CONFIG


class LaterError(TellingError):
    """Ends a verb with code 75: the same may work later."""

    exit_code = ExitCode.TRY_LATER


class OutOfReachError(TellingError):
    """Ends a verb with code 69, as `UnavailableError`; its text is shown as it is."""

    exit_code = ExitCode.UNAVAILABLE


class UnavailableError(click.ClickException):
    """Ends a verb with code 69: what it needs can't be reached."""

    exit_code = ExitCode.UNAVAILABLE


def asked_password() -> str:
    """What somebody types twice, unseen. Raises `click.UsageError` where nobody can be asked."""
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask at: --stdin reads the password")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def settings_from(config: Path) -> Settings:
    """The settings in the file. Raises `BrokenConfig` with every complaint."""
    from relay.config.loader import ConfigError, load

    try:
        return load(config)
    except ConfigError as error:
        raise BrokenConfig(str(error)) from error
