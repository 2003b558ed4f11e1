"""The demo's configuration: written as a person would write it, so that it can be read as an example."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.cli.demo_cast import COPIER_AT, HERE, LOGIN, PLC_AT, PLC_FROM

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from relay.sandbox.cloud import CloudSettings

SCANS, INVOICES, ALARMS = "scanner@contoso.test", "erp@contoso.test", "plc@contoso.test"
MAILBOXES = (SCANS, INVOICES, ALARMS)
SEND_AS: Mapping[str, tuple[str, ...]] = {ALARMS: (PLC_FROM,)}  # what `from: keep` needs of Exchange

_TEXT = """\
# Written by `relay demo`; gone when it ends.
data_dir: {data_dir}
hostname: relay.contoso.test
listeners:
{listeners}
apps:
  contoso:
    tenant: {tenant}
    client_id: {client_id}
    credential: {{secret: {{file: {secret_file}}}}}
    authority: {authority}            # the pretend Entra; leave these three out for the real one
    scope: {scope}
    ca_file: {ca_file}
profiles:
  scans:       # From becomes the mailbox; who scanned is in Reply-To
    app: contoso
    mailbox: {scans}
    from: mailbox
    endpoint: {endpoint}
  invoices:    # From becomes the mailbox with the name that the application wrote
    app: contoso
    mailbox: {invoices}
    from: person
    endpoint: {endpoint}
  alarms:      # From stays; Exchange must allow the mailbox to send as it
    app: contoso
    mailbox: {alarms}
    from: keep
    endpoint: {endpoint}
devices:
{devices}
spool: {{min_free_bytes: 33554432}}
delivery: {{stop_deadline_s: 5}}
log: {{format: json}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Where the demo's relay listens (the first is for the pretend devices), and real devices known by address."""

    listen: tuple[str, ...]
    guests: tuple[str, ...] = ()
    several_addresses: bool = True


def configuration(cloud: CloudSettings, doors: Doors, *, data_dir: Path, password_file: Path) -> str:
    """The YAML of a relay between `doors` and a running sandbox."""
    ca_file = _quoted(cloud.ca_file)
    return _TEXT.format(
        data_dir=_quoted(data_dir), listeners=_lines(f"- {{listen: {_quoted(listen)}}}" for listen in doors.listen),
        tenant=cloud.tenant, client_id=cloud.client_id, secret_file=_quoted(cloud.secret_file),
        authority=cloud.authority, scope=cloud.scope, ca_file=ca_file, scans=SCANS, invoices=INVOICES, alarms=ALARMS,
        endpoint=f"{{host: {cloud.smtp_host}, port: {cloud.smtp_port}, ca_file: {ca_file}}}",
        devices=_lines(_devices(doors, password_file)),
    )  # fmt: skip


def _devices(doors: Doors, password_file: Path) -> Iterable[str]:
    login = f"{{username: {LOGIN}, password: {{file: {_quoted(password_file)}}}}}"
    lines = [f"erp: {{login: {login}, profile: invoices}}", f"this-machine: {{address: {HERE}, profile: scans}}"]
    if doors.several_addresses:
        lines += [
            f'copier: {{address: {COPIER_AT}, profile: scans, recipients: ["*@contoso.test"]}}',
            f"plc: {{address: {PLC_AT}, profile: alarms}}",
        ]
    guests = enumerate(doors.guests, 1)
    return lines + [f"guest-{n}: {{address: {_quoted(address)}, profile: scans}}" for n, address in guests]


def _lines(items: Iterable[str]) -> str:
    return "\n".join(f"  {item}" for item in items)


def _quoted(value: object) -> str:
    """A YAML scalar for any path or text (JSON is YAML)."""
    return json.dumps(str(value))
