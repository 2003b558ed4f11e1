"""`relay sandbox`: the pretend Microsoft 365 alone, for trying out a configuration of one's own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from relay.cli.options import ExitCode, OutOfReachError

if TYPE_CHECKING:
    from relay.sandbox.cloud import CloudOptions

port = click.IntRange(0, 65535)


@click.command
@click.option("--entra-port", type=port, default=0, help="Port of the pretend Entra.  [default: any free one]")
@click.option("--smtp-port", type=port, default=0, help="Port of the pretend Exchange Online.  [default: any free one]")
@click.option("--management-port", type=port, default=0, help="Port to look and steer.  [default: any free one]")
@click.option("--graph-port", type=port, default=0, help="Port of the pretend Graph.  [default: any free one]")
@click.option("--hve-port", type=port, default=0, help="Port of High Volume Email.  [default: any free one]")
@click.option("--connector-port", type=port, default=0, help="Port of the tenant's MX.  [default: any free one]")
@click.option("--user", "users", multiple=True, help="A person who may sign in; may be repeated.  [default: one]")
@click.option("--hve-account", "hve_accounts", multiple=True, help="An account of High Volume Email; may be repeated.")
@click.option("--auto-sign-in", default="", help="Who signs in without a page; hint: whom login_hint names.")
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

    Entra, Exchange Online and Graph on loopback, with a certificate authority, keys and a secret made at every start.
    Prints what a relay's configuration needs to use it, and stays until Ctrl-C.
    """
    try:
        asyncio.run(_run(_cloud_options(options), as_json=options["as_json"]))
    except OSError as error:
        text = f"the sandbox can't start: {error}; choose other ports or another directory"
        raise OutOfReachError(text) from error
    return ExitCode.DONE


def _cloud_options(options: dict[str, Any]) -> CloudOptions:
    from relay.sandbox.cloud import CloudOptions

    as_they_are = (
        "entra_port", "smtp_port", "graph_port", "hve_port", "connector_port", "management_port", "hve_accounts",
        "auto_sign_in",
    )  # fmt: skip
    given: dict[str, Any] = {name: options[name] for name in as_they_are}
    given |= {"mailboxes": options["mailboxes"]} if options["mailboxes"] else {}
    given |= {"users": {upn: {} for upn in options["users"]}} if options["users"] else {}
    if options["keep"]:
        given |= {"directory": options["keep"], "keep_files": True}
    return CloudOptions(**given, messages_per_minute=options["per_minute"], mishaps=options["mishaps"])


async def _run(options: CloudOptions, *, as_json: bool) -> None:
    from relay.sandbox.run import run_sandbox

    running = asyncio.ensure_future(run_sandbox(options, lambda text: _announce(text, as_json), as_json=as_json))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the last: its terminal was closed
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


def _announce(text: str, as_json: bool) -> None:
    click.echo(text)
    if not as_json:
        click.echo("# Recipients that make trouble: final-550@…, rcptto-550@…, throttle@…, timeout@…, lost@…,")
        click.echo("# and every name of the catalogue, such as mailbox-full@… or recipient-not-found@…")
        click.echo("# Ctrl-C stops it.")
