"""`relay sandbox`: the pretend Microsoft 365 alone, for trying out a configuration of one's own."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from relay.cli.options import ExitCode

if TYPE_CHECKING:
    from relay.sandbox.cloud import CloudOptions, CloudSettings

port = click.IntRange(0, 65535)


@click.command
@click.option("--entra-port", type=port, default=0, help="Port of the pretend Entra.  [default: any free one]")
@click.option("--smtp-port", type=port, default=0, help="Port of the pretend Exchange Online.  [default: any free one]")
@click.option("--management-port", type=port, default=0, help="Port to look and steer.  [default: any free one]")
@click.option("--mailbox", "mailboxes", multiple=True, help="A mailbox there is; may be repeated.  [default: three]")
@click.option("--per-minute", type=click.IntRange(min=0), default=30, show_default=True, help="0: no limit.")
@click.option(
    "--mishaps", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share of passing refusals."
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep what arrives, as .eml and .json, in this directory.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the settings as JSON.")
def sandbox(**options: Any) -> int:
    """Run the pretend Microsoft 365.

    Entra and Exchange Online on loopback, with a certificate authority, keys and a secret made at every start. Prints
    what a relay's configuration needs to use it, and stays until Ctrl-C.
    """
    try:
        asyncio.run(_run(_cloud_options(options), as_json=options["as_json"]))
    except OSError as error:
        click.echo(f"the sandbox can't start: {error}; choose other ports or another directory", err=True)
        return ExitCode.UNAVAILABLE
    return ExitCode.DONE


def _cloud_options(options: dict[str, Any]) -> CloudOptions:
    from relay.sandbox.cloud import CloudOptions

    ports = {name: options[name] for name in ("entra_port", "smtp_port", "management_port")}
    given: dict[str, Any] = {"mailboxes": options["mailboxes"]} if options["mailboxes"] else {}
    if options["keep"]:
        given |= {"directory": options["keep"], "keep_files": True}
    return CloudOptions(**ports, **given, messages_per_minute=options["per_minute"], mishaps=options["mishaps"])


async def _run(options: CloudOptions, *, as_json: bool) -> None:
    from relay.sandbox.cloud import Cloud

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Cloud(options) as cloud:
        click.echo(json.dumps(cloud.settings.to_json()) if as_json else announcement(cloud.settings))
        await stop.wait()


def announcement(settings: CloudSettings) -> str:
    """What a person needs: the sections to paste into a configuration, and where to look."""
    import yaml

    return "\n".join(
        [
            "# The pretend Microsoft 365 is up. For the relay's configuration:",
            yaml.safe_dump(configuration(settings), sort_keys=False).rstrip(),
            f"# What arrived: {settings.management_url}/ (one message: /messages/ID, all as JSON: /messages)",
            "# Recipients that make trouble: final-550@…, rcptto-550@…, throttle@…, sendasdenied@…, timeout@…, lost@…",
            "# Ctrl-C stops it; the certificate authority, the keys and the secret are made anew at the next start.",
        ]
    )


def configuration(settings: CloudSettings) -> dict[str, Any]:
    """The `apps` and `profiles` of a relay that uses this cloud: a profile for each mailbox, by its local part."""
    ca_file = str(settings.ca_file)
    app = {
        "tenant": settings.tenant,
        "client_id": settings.client_id,
        "credential": {"secret": {"file": str(settings.secret_file)}},
        "authority": settings.authority,
        "scope": settings.scope,
        "ca_file": ca_file,
    }
    endpoint = {"host": settings.smtp_host, "port": settings.smtp_port, "ca_file": ca_file}
    profiles = {
        mailbox.partition("@")[0]: {"app": "sandbox", "mailbox": mailbox, "from": "mailbox", "endpoint": dict(endpoint)}
        for mailbox in settings.mailboxes
    }
    return {"apps": {"sandbox": app}, "profiles": profiles}
