"""The pretend Microsoft 365 in a process of its own: started, its settings printed as configuration, run until stopped.

`python -m relay.sandbox` does it without the rest of the relay; `--json` prints the settings for a program instead.
"""

import argparse
import asyncio
import contextlib
import json
import signal
from collections.abc import Callable
from pathlib import Path

from relay.sandbox.cloud import Cloud, CloudOptions, CloudSettings

Say = Callable[[str], object]


async def run_sandbox(options: CloudOptions, say: Say = print, *, as_json: bool = False) -> None:
    """Start a cloud, `say` its settings, and run until cancelled; raise OSError when a port is taken."""
    async with Cloud(options) as cloud:
        say(json.dumps(cloud.settings.to_json()) if as_json else announcement(cloud.settings))
        await asyncio.Event().wait()


def announcement(settings: CloudSettings) -> str:
    """What a person needs to use a running cloud: the YAML of apps and profiles, and where to look."""
    return "\n".join(
        [
            "# The pretend Microsoft 365 is up, on loopback. Everything here is made up and gone when it stops.",
            f"# What arrives: {settings.management_url}/   faults: {settings.management_url}/faults",
            f"# Refusals by name: {settings.management_url}/catalogue   switches: {settings.management_url}/switches",
            *_other_doors(settings),
            "# For the relay's configuration:",
            configuration(settings),
        ]
    )


def _other_doors(settings: CloudSettings) -> list[str]:
    """Comments about what the configuration below does not use."""
    hve = f"   High Volume Email: {settings.hve_host}:{settings.hve_port}" if settings.hve_accounts else ""
    return [
        f"# Graph: {settings.graph_url}   connector: {settings.connector_host}:{settings.connector_port}{hve}",
        f"# People who may sign in: {', '.join(settings.users) or 'none'}   scope: {settings.delegated_scope}",
    ]


def configuration(settings: CloudSettings) -> str:
    """`apps:` and `profiles:` of a relay that uses this cloud; one profile per mailbox, named after it."""
    ca_file = json.dumps(str(settings.ca_file))
    graph = f"{{url: {settings.graph_url}, ca_file: {ca_file}}}"
    endpoint = f"{{host: {settings.smtp_host}, port: {settings.smtp_port}, ca_file: {ca_file}}}"
    lines = [
        "apps:",
        "  sandbox:",
        f"    tenant: {settings.tenant}",
        f"    client_id: {settings.client_id}",
        f"    credential: {{secret: {{file: {json.dumps(str(settings.secret_file))}}}}}",
        f"    authority: {settings.authority}",
        f"    scope: {settings.scope}",
        f"    ca_file: {ca_file}",
        "profiles:",
    ]
    for mailbox in settings.mailboxes:
        lines += [
            f"  {mailbox.partition('@')[0]}:",
            "    app: sandbox",
            f"    mailbox: {mailbox}",
            "    from: mailbox",
            f"    endpoint: {endpoint}",
            f"    graph: {graph}",
        ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run a cloud from the command line until SIGINT, SIGTERM or SIGHUP."""
    given = _parser().parse_args(arguments)
    defaults = CloudOptions()
    options = CloudOptions(
        entra_port=given.entra_port,
        smtp_port=given.smtp_port,
        graph_port=given.graph_port,
        hve_port=given.hve_port,
        connector_port=given.connector_port,
        management_port=given.management_port,
        tenant=given.tenant,
        client_id=given.client_id,
        client_secret=given.client_secret,
        mailboxes=tuple(given.mailbox) or defaults.mailboxes,
        users={upn: {} for upn in given.user} or defaults.users,
        hve_accounts=tuple(given.hve_account),
        auto_sign_in=given.auto_sign_in,
        messages_per_minute=given.per_minute,
        sessions_per_mailbox=given.sessions,
        reply_delay_s=given.reply_delay,
        mishaps=given.mishaps,
        directory=given.directory,
        keep_files=given.keep_files,
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_until_signal(options, as_json=given.json))


async def _until_signal(options: CloudOptions, *, as_json: bool) -> None:
    running = asyncio.ensure_future(run_sandbox(options, _print, as_json=as_json))
    for number in (signal.SIGTERM, signal.SIGHUP):  # the latter: its terminal was closed
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - it is what the command is for; another process may be waiting for it


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m relay.sandbox", description=__doc__)
    for option in (
        "--entra-port",
        "--smtp-port",
        "--graph-port",
        "--hve-port",
        "--connector-port",
        "--management-port",
    ):
        parser.add_argument(option, type=int, default=0)
    for option in ("--tenant", "--client-id", "--client-secret"):
        parser.add_argument(option, default="")
    parser.add_argument("--mailbox", action="append", default=[], help="may be given several times")
    parser.add_argument("--user", action="append", default=[], help="who may sign in; may be given several times")
    parser.add_argument("--hve-account", action="append", default=[], help="may be given several times")
    parser.add_argument("--auto-sign-in", default="", help="who signs in without a page; hint: whom login_hint names")
    parser.add_argument("--per-minute", type=int, default=30, help="messages per mailbox and minute; 0: no limit")
    parser.add_argument("--sessions", type=int, default=3, help="concurrent sessions per mailbox")
    parser.add_argument("--reply-delay", type=float, default=0.0, help="seconds of latency of every SMTP reply")
    parser.add_argument("--mishaps", type=float, default=0.0, help="share of messages refused with a passing 451")
    parser.add_argument("--directory", type=Path, default=None, help="for ca.pem, the secret and what arrives")
    parser.add_argument("--keep-files", action="store_true", help="write what arrives as .eml and .json")
    parser.add_argument("--json", action="store_true", help="print the settings as one line of JSON")
    return parser
