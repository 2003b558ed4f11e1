"""`relay send`: a test message through a running relay, and what the relay said to it."""

from __future__ import annotations

import json
import os
from email.errors import HeaderParseError
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from functools import partial
from mimetypes import guess_type
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from relay.cli import names
from relay.cli.conversation import RefusedError, Target, Tls, UnreachableError, hand_in, queue_id
from relay.cli.options import (
    ExitCode,
    LaterError,
    OutOfReachError,
    TellingError,
    config_option,
    json_option,
    settings_from,
)
from relay.cli.progress import progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.cli.progress import Progress
    from relay.config.settings import Device, Settings

_TLS_OF_LISTENER: dict[str, Tls] = {"none": "none", "optional": "auto", "required": "starttls", "implicit": "implicit"}
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (compared with, not bound)


@click.command
@config_option
@click.option("--device", shell_complete=names.devices, help="Sign in as this device of the configuration.")
@click.option("--host", help="Where the relay listens; with it no configuration is read.")
@click.option("--port", type=click.IntRange(1, 65535), default=2525, show_default=True, help="Port, with --host.")
@click.option(
    "--tls", type=click.Choice(["auto", "none", "starttls", "implicit"]), help="Encryption.  [default: as the listener]"
)
@click.option("--username", default="", help="User name to sign in with.")
@click.option("--password-env", metavar="NAME", help="Environment variable that holds the password.")
@click.option("--from", "sender", default="relay-test@localhost", show_default=True, help="Sender.")
@click.option("--to", "recipients", multiple=True, required=True, help="Recipient; may be repeated.")
@click.option("--subject", default="Test from relay send", show_default=True)
@click.option(
    "--attach", type=click.Path(exists=True, dir_okay=False, path_type=Path), multiple=True, help="A file to attach."
)
@json_option
def send(config: Path, recipients: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Hand a test message to a running relay.

    Shows each step and the relay's answers. Where to and as whom comes from the configuration's first listener and
    --device, or from --host and --username. What was taken is on its way: `relay queue show ID` tells how far.
    """
    target = _given_target(options) if options["host"] else _configured_target(settings_from(config), options)
    message, told = _letter(recipients, options), list[tuple[str, str]]()
    try:
        with progress("waiting for the relay") as busy:
            answer = hand_in(target, message, recipients, partial(_note, busy, told, as_json))
    except RefusedError as error:
        raise (LaterError if error.passing else TellingError)(str(error)) from error
    except UnreachableError as error:
        raise OutOfReachError(str(error)) from error
    if as_json:
        steps = [{"step": step, "said": said} for step, said in told]
        click.echo(json.dumps({"id": queue_id(answer), "steps": steps}, indent=2))
    else:
        _tell("taken as", queue_id(answer) or "(the relay named no id)")
    return ExitCode.DONE


def _letter(recipients: tuple[str, ...], options: dict[str, Any]) -> EmailMessage:
    for option, text in [("--from", options["sender"]), *(("--to", recipient) for recipient in recipients)]:
        if not text or not text.isascii() or not text.isprintable():
            raise click.UsageError(f"{option} {text!r}: an address is name@domain in ASCII, of a domain its xn-- form")
    if any(sign < " " for sign in options["subject"]):
        raise click.UsageError("--subject: one line of text, without control characters")
    try:
        return letter(options["sender"], recipients, options["subject"], files=options["attach"])
    except (ValueError, IndexError, HeaderParseError) as error:  # what Python's own parser raises at "<" or "name@"
        raise click.UsageError(f"no message can be made of these addresses and names: {error}") from error


def letter(sender: str, recipients: Sequence[str], subject: str, *, files: Sequence[Path] = ()) -> EmailMessage:
    """The test message."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Subject"] = subject
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain="relay.invalid")
    message.set_content("A test message from `relay send`. If you can read it, the whole way works.\n")
    for path in files:
        kind, _, form = (guess_type(path.name)[0] or "application/octet-stream").partition("/")
        message.add_attachment(path.read_bytes(), maintype=kind, subtype=form, filename=path.name)
    return message


def _given_target(options: dict[str, Any]) -> Target:
    return Target(options["host"], options["port"], options["tls"] or "auto", options["username"], _password(options))


def _password(options: dict[str, Any]) -> str:
    name = options["password_env"]
    if not options["username"] or not name:
        return ""
    if name not in os.environ:
        raise click.UsageError(f"--password-env {name}: the environment variable is not set")
    return os.environ[name]


def _configured_target(settings: Settings, options: dict[str, Any]) -> Target:
    listener = next((item for item in settings.listeners if item.activated is None), None)
    if listener is None:
        raise click.UsageError("no listener of the configuration has an address; give --host and --port")
    host = _ANY_ADDRESS.get(listener.host, listener.host)
    username, password = options["username"], _password(options)
    if options["device"]:
        username, password = _login_of(settings.devices, options["device"])
    return Target(host, listener.port, options["tls"] or _TLS_OF_LISTENER[listener.tls], username, password)


def _login_of(devices: dict[str, Device], name: str) -> tuple[str, str]:
    from relay.config.secret import SecretError

    if name not in devices:
        raise click.UsageError(f"--device {name}: the configuration has {', '.join(devices)}")
    login = devices[name].login
    if login is None:
        return "", ""
    if login.password is None:
        raise click.UsageError(
            f"--device {name}: only the hash of its password is known; use --username, --password-env"
        )
    try:
        return login.username, "ignored" if login.any_password else login.password.read()
    except SecretError as error:
        raise click.ClickException(str(error)) from error


def _note(busy: Progress, told: list[tuple[str, str]], quiet: bool, *step: str) -> None:
    """One step of the conversation: told at once, or kept for JSON."""
    told.append((step[0], step[1]))
    if not quiet:
        with busy.aside():
            _tell(*step)


def _tell(step: str, what: str) -> None:
    click.echo(f"{step:<10} {what}")
