"""`relay device`: passwords for devices, and who knocked without being one."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from relay.cli.options import ExitCode, asked_password, config_option, json_option, settings_from
from relay.cli.table import table

if TYPE_CHECKING:
    from pathlib import Path

    from relay.control.devices import Stranger

_LONGEST = 1024


@click.group
def device() -> None:
    """Passwords for devices, and sources that were refused."""


@device.command
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the password from standard input, its first line.")
@json_option
def password(from_stdin: bool, as_json: bool) -> None:
    """Print the line that stands for a password.

    Put it under the login of the device, in the place of password. The password itself is not kept anywhere.
    """
    from relay.config.password import hashed

    secret = _first_line() if from_stdin else asked_password()
    if not secret:
        raise click.UsageError("the password is empty")
    line = hashed(secret)
    click.echo(json.dumps({"password_hash": line}) if as_json else f'password_hash: "{line}"')


@device.command
@config_option
@click.argument("address", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def refused(config: Path, address: str | None, as_json: bool) -> int:
    """List unknown sources that were refused, newest first.

    With ADDRESS, print the YAML that would make it a device. Nobody is ever let in by himself: put it under devices
    of the configuration, check it, reload.
    """
    from relay.control.devices import refused as strangers
    from relay.control.devices import unknown

    settings = settings_from(config)
    found = [item for item in strangers(settings) if address in (None, item.address)]
    if as_json:
        click.echo(json.dumps([asdict(one) for one in unknown(found, settings).sources], indent=2))
    elif not found:
        click.echo(
            f"{address} was not refused as unknown."
            if address
            else "Nobody unknown was refused; a running relay writes this list every ten seconds."
        )
    elif address:
        _print_adoption(found[0], settings)
    else:
        click.echo(table([_row(item) for item in found]))
    return ExitCode.FAILED if address and not found else ExitCode.DONE


def _print_adoption(stranger: Stranger, settings: Any) -> None:
    from relay.control.devices import adoption, owners_of_login

    click.echo(f"# refused {stranger.count} times, the last with: {stranger.reply or ', '.join(stranger.quirks)}")
    for name in owners_of_login(stranger, settings):
        click.echo(f"# device {name} has this user name: a wrong password, or another address than this one")
    click.echo("# look at each line, name the device, then: relay check")
    click.echo(adoption(stranger, settings), nl=False)


def _row(item: Stranger) -> dict[str, Any]:
    return {
        "address": item.address, "login": item.login, "helo": item.helo, "tls": "yes" if item.tls else "no",
        "mechanisms": " ".join(item.mechanisms), "quirks": ", ".join(item.quirks), "count": item.count,
        "last": datetime.fromtimestamp(item.last, UTC).strftime("%Y-%m-%d %H:%M:%SZ"), "listener": item.listener,
    }  # fmt: skip


def _first_line() -> str:
    return sys.stdin.readline(_LONGEST).rstrip("\r\n")
