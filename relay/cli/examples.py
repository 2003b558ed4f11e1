"""The examples of every verb: one table, from which its help, the man pages and docs/reference/cli.md are printed.

A line is a command as it is typed; what stands behind two spaces and a # says what it is for.
"""

from __future__ import annotations

import click

EXAMPLES: dict[str, tuple[str, ...]] = {
    "demo": (
        "relay demo  # three devices, until Ctrl-C",
        "relay demo --once  # ends by itself",
        "relay demo --listen 0.0.0.0:2525 --device 10.0.2.17  # a real device may send too",
    ),
    "init": (
        "relay init  # asks",
        (
            "relay init --tenant contoso.com --client-id 11111111-2222-3333-4444-555555555555 \\\n"
            "      --secret file:/etc/relay/secret --mailbox scanner@contoso.com \\\n"
            "      --device copier=10.0.2.17 --device erp=10.0.2.30 --device labels=10.0.3.0/24  # asks nothing"
        ),
        "relay init --sandbox sandbox.yaml  # for what `relay sandbox > sandbox.yaml` runs",
    ),
    "import": ("relay import postfix /etc/postfix -o relay.yaml",),
    "import postfix": (
        "relay import postfix /etc/postfix -o relay.yaml",
        "relay import postfix main.cf --tenant contoso.onmicrosoft.com --mailbox scanner@contoso.com",
    ),
    "import email-oauth2-proxy": (
        "relay import email-oauth2-proxy emailproxy.config --secrets-dir /etc/relay/secrets -o relay.yaml",
    ),
    "import iis": (
        "relay import iis MetaBase.xml -o relay.yaml",
        "relay import iis relay-list.txt  # the list of the Relay dialog, or one address and mask a line",
    ),
    "import csv": (
        "relay import csv printers.csv --tenant contoso.onmicrosoft.com --mailbox scanner@contoso.com -o relay.yaml",
    ),
    "serve": ("relay serve --config /etc/relay/relay.yaml",),
    "check": ("relay check --config relay.yaml", "relay check --json  # for a deployment's own test"),
    "authorize": (
        "relay authorize helpdesk  # in this machine's browser",
        "relay authorize helpdesk --paste  # where there is none",
        "relay authorize --new-key  # for token_store.key",
    ),
    "setup": ("relay setup m365 scans -o setup.ps1",),
    "setup m365": (
        "relay setup m365 scans -o setup.ps1",
        "relay setup m365 scans --portal  # the steps to click",
    ),
    "doctor": (
        "relay doctor  # every profile, up to the sign-in",
        "relay doctor scans --send-to ann@contoso.com  # a mail really leaves",
        "relay doctor --json",
    ),
    "send": (
        "relay send --to ann@contoso.com --device copier",
        "relay send --host 10.0.0.5 --port 25 --from scanner@contoso.com --to ann@contoso.com --attach scan.pdf",
    ),
    "queue": ("relay queue list", "relay queue retry --profile scans"),
    "queue list": (
        "relay queue list",
        "relay queue list --state failed --younger-than 1d --json",
    ),
    "queue show": ("relay queue show 01J9ZC3V5N8Q4T2X7B6M",),
    "queue retry": (
        "relay queue retry 01J9ZC3V5N8Q4T2X7B6M",
        "relay queue retry --state failed --profile scans --dry-run  # which would be sent again?",
    ),
    "queue hold": ("relay queue hold --device erp",),
    "queue release": ("relay queue release --all",),
    "queue drop": ("relay queue drop --recipient '*@example.com' --older-than 2d --dry-run",),
    "queue export": ("relay queue export 01J9ZC3V5N8Q4T2X7B6M -o scan.eml --json",),
    "queue unknown": ("relay queue unknown",),
    "queue new-key": ("relay queue new-key > spool.key",),
    "trace": (
        "relay trace 01J9ZC3V5N8Q4T2X7B6M  # the id of `250 queued as …`",
        "relay trace '<20261128.1@copier.contoso.com>' --json",
    ),
    "status": ("relay status", "relay status --json"),
    "top": ("relay top", "relay top --once  # one picture, also into a file"),
    "device": ("relay device refused", "relay device password"),
    "device password": (
        "relay device password",
        "relay device password --stdin < password.txt",
    ),
    "device refused": (
        "relay device refused",
        "relay device refused 10.0.2.99  # the YAML that lets it in",
    ),
    "admin": ("relay admin password ann", "relay admin list"),
    "admin password": (
        "relay admin password ann",
        "relay admin password kiosk --role viewer --stdin < password.txt",
    ),
    "admin role": ("relay admin role ann viewer",),
    "admin remove": ("relay admin remove ann",),
    "admin list": ("relay admin list --json",),
    "admin token": ("relay admin token new monitoring --role viewer",),
    "admin token new": ("relay admin token new monitoring --role viewer",),
    "admin token revoke": ("relay admin token revoke monitoring",),
    "notify": ("relay notify test",),
    "notify test": ("relay notify test --json",),
    "explain": (
        "relay explain '535 5.7.139 Authentication unsuccessful'",
        "relay explain AADSTS7000215 --profile scans",
        "relay explain device --from 10.0.2.17",
    ),
    "explain answer": (
        "relay explain answer 550 5.7.60 SendAsDenied",
        "journalctl -u relay -n 1 | relay explain answer -",
    ),
    "explain device": ("relay explain device --from 10.0.2.17 --mail-from scanner@contoso.com --rcpt ann@contoso.com",),
    "sandbox": (
        "relay sandbox > sandbox.yaml",
        "relay sandbox --keep arrived --mailbox scanner@contoso.test --mishaps 0.05",
    ),
    "example": ("relay example > relay.yaml",),
    "schema": ("relay schema > relay.schema.json",),
    "healthcheck": ("relay healthcheck", "relay healthcheck --ready  # why is no mail taken?"),
    "completion": (
        "relay completion bash > /etc/bash_completion.d/relay",
        "relay completion zsh > ~/.zfunc/_relay",
        "relay completion fish > ~/.config/fish/completions/relay.fish",
    ),
    "version": ("relay version", "relay version --json"),
}


def with_examples(command: click.Command, path: str) -> click.Command:
    """The command of that path, its examples below its help; those of a group each get theirs."""
    lines = EXAMPLES.get(path)
    if lines:
        command.epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in "\n".join(lines).splitlines())
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            with_examples(below, f"{path} {name}")
    return command


def typed(line: str) -> str:
    """An example without what it is for."""
    return line.replace("\\\n", " ").partition("  # ")[0]
