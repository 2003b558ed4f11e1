"""`relay setup`: what has to be done elsewhere so that a profile may send."""

from __future__ import annotations

from pathlib import Path

import click

from relay.cli import names
from relay.cli.options import ExitCode, config_option, settings_from


class UnfitConfig(click.ClickException):
    """The configuration says too little for a script, or something that cannot be."""

    exit_code = ExitCode.CONFIG


@click.group
def setup() -> None:
    """Print what has to be set up elsewhere."""


@setup.command
@click.argument("profile", shell_complete=names.profiles)
@config_option
@click.option("--classic", is_flag=True, help="API permission and full access, instead of RBAC for Applications.")
@click.option("--portal", "clicks", is_flag=True, help="The steps in the admin centers, for those who click.")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file.")
def m365(profile: str, config: Path, classic: bool, clicks: bool, output: Path | None) -> int:
    """Print the PowerShell that lets PROFILE send.

    Complete, commented, and fit to be run again: it makes what is missing, shows who is granted and who is denied, and
    says how to undo it. Nothing is sent anywhere: read it, then run it.
    """
    from relay.control.m365 import UnfitError, script
    from relay.control.m365_portal import portal

    settings = settings_from(config)
    if profile not in settings.profiles:
        raise click.UsageError(f"there is no profile {profile}; there are {', '.join(settings.profiles)}")
    try:
        text = (portal if clicks else script)(settings, profile, classic=classic)
    except UnfitError as error:
        raise UnfitConfig(f"profiles.{profile}: {error}") from error
    if output is None:
        click.echo(text, nl=False)
        return ExitCode.DONE
    return _write(output, text)


def _write(output: Path, text: str) -> int:
    """With a byte order mark: Windows PowerShell 5.1 takes a file without one for the machine's code page."""
    try:
        output.write_text(text, encoding="utf-8-sig")
    except OSError as error:
        raise click.ClickException(f"{output} can't be written: {error.strerror}; name another file") from error
    click.echo(f"{output} written: read it, then run it")
    return ExitCode.DONE
