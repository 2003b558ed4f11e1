"""`relay check`: every mistake of a configuration at once, without starting anything."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from relay.cli.options import BrokenConfig, ExitCode, config_option, json_option, settings_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from relay.config.loader import Complaint
    from relay.config.settings import Credential, Device, Http, Settings


@click.command
@config_option
@json_option
def check(config: Path, as_json: bool) -> int:
    """Check a configuration without starting.

    Lists every mistake with file, line, what was found and what is allowed; reads the secrets and certificates that the
    file refers to. Exit code 78 when something is wrong. A good file is summed up, with notes on what was understood
    of addresses and on what needs a right in Exchange.
    """
    from relay.config.loader import Complaint, notes
    from relay.config.loader import check as complaints_about
    from relay.control.notify import misunderstood

    complaints = complaints_about(config)
    settings = None if complaints else settings_from(config)
    if settings is not None:
        complaints = [Complaint(str(config), 0, 0, "", what) for what in misunderstood(settings)]
    if as_json:
        return _as_json(complaints, [] if complaints else notes(config))
    if complaints or settings is None:
        count = "1 mistake" if len(complaints) == 1 else f"{len(complaints)} mistakes"
        raise BrokenConfig("\n".join([*map(str, complaints), f"{config}: {count}"]))
    click.echo("\n".join([*summary(settings), *(f"note      {note}" for note in notes(config))]))
    click.echo(f"{config}: {click.style('good', fg='green')}")
    return ExitCode.DONE


def _as_json(complaints: Sequence[Complaint], remarks: Sequence[Complaint]) -> int:
    """What is wrong is the answer here, not an error: it goes to standard output."""
    found = {"good": not complaints, "complaints": [_facts(one) for one in complaints]}
    click.echo(json.dumps(found | {"notes": [_facts(one) for one in remarks]}, indent=2, ensure_ascii=False))
    return ExitCode.CONFIG if complaints else ExitCode.DONE


def _facts(one: Complaint) -> dict[str, Any]:
    return {**asdict(one), "text": str(one)}


def summary(settings: Settings) -> Iterator[str]:
    """The configuration in a few lines: who may come in where, and as whom their mail leaves."""
    for listener in settings.listeners:
        yield f"listener  {listener.listen}  tls {listener.tls}  auth {listener.auth}"
    for name, app in settings.apps.items():
        yield f"app       {name}  {app.authority_url}  client {app.client_id}  {_proof(app.credential)}"
    for name in settings.profiles:
        yield f"profile   {name}  {_leaves(settings, name)}"
    for name, device in settings.devices.items():
        allowed = " ".join(device.recipients)
        yield f"device    {name}  {_known_by(device)}  profile {device.profile}  may write to {allowed}"
    yield from _beside(settings)


def _beside(settings: Settings) -> Iterator[str]:
    """Who is told of trouble, whether stored mail is sealed, where the dashboard is."""
    notices, key = settings.notices, settings.spool.encryption.key
    admin = f"  admin {notices.admin}" if notices.admin else ""
    yield f"notices   failed to {_words(notices.failed)}  delayed to {_words(notices.delayed)}{admin}"
    for channel in settings.notifications.channels:
        yield f"notify    {channel.url}  about {' '.join(channel.about)}"
    yield f"spool     {settings.data_dir}  {f'sealed with {key}' if key else 'not encrypted'}"
    yield f"http      {_pages(settings.http)}"


def _pages(http: Http) -> str:
    if not http.listen:
        return "none"
    ways = ["passwords", *(["Entra ID"] if http.entra else []), *(["the proxy"] if http.proxy else [])]
    shown = f"dashboard, sign-in by {', '.join(ways)}" if http.dashboard else "probes and metrics alone"
    return f"{'https' if http.tls else 'http'}://{http.listen}  {shown}"


def _words(names: Iterable[str]) -> str:
    return ", ".join(names) or "nobody"


def _proof(credential: Credential | None) -> str:
    """What the app proves itself with; where a secret is kept, never the secret."""
    if credential is None:
        return "no credential: people sign in"
    if credential.secret is not None:
        return f"secret {credential.secret}"
    if credential.certificate is not None:
        return f"certificate {credential.certificate.pfx or credential.certificate.certificate}"
    assert credential.federated is not None
    return f"federated {credential.federated.token_file or credential.federated.managed_identity}"


def _leaves(settings: Settings, name: str) -> str:
    profile = settings.profiles[name]
    author = profile.from_policy if profile.send_as is None else f"{profile.from_policy} ({profile.send_as.address})"
    person = f"  {profile.upn or profile.mailbox} signs in" if profile.sign_in == "delegated" else ""
    spare = f", else by {profile.fallback}" if profile.fallback else ""
    return f"{profile.mailbox}  from {author}  app {profile.app}{person}  to {_destination(settings, name)}{spare}"


def _destination(settings: Settings, name: str) -> str:
    from relay.config.clouds import HOSTS

    profile, endpoint = settings.profiles[name], settings.endpoint_of(name)
    if profile.transport == "graph":
        return profile.graph.url or f"https://{HOSTS[settings.apps[profile.app].cloud].graph}"
    if profile.transport == "connector":
        return f"{profile.connector.host}:{profile.connector.port}"
    return f"{endpoint.host}:{endpoint.port}"


def _known_by(device: Device) -> str:
    ways = [device.address or "", f"login {device.login.username}" if device.login else ""]
    return " and ".join(filter(None, ways))
