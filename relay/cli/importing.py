"""`relay import`: devices and profiles out of another product's settings, and what could not be carried over.

The configuration goes to standard output or a new file; everything that was left is told on standard error, and stands
in the file as comments. A password goes into a file of its own, or nowhere.
"""

from __future__ import annotations

import functools
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from relay.cli import init_questions as ask
from relay.cli.new_file import may_write, write
from relay.cli.options import BrokenConfig, ExitCode, UnavailableError, json_option
from relay.cli.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.control.imports.found import Found, Given

    F = TypeVar("F", bound=Callable[..., Any])

_LARGEST = 16 * 1024 * 1024
_OPTIONS = (
    click.option("--tenant", default="", help="The tenant: its id, a domain, or an address with one of them in it."),
    ask.cloud_option,
    click.option("--client-id", default="", help="The application (client) id of the app registration."),
    click.option("--secret", default="", metavar="PLACE", help="Where its secret is kept: env:, file: or cred:NAME."),
    click.option("--mailbox", default="", metavar="ADDRESS", help="The mailbox of devices whose profile isn't known."),
    click.option("--recipients", multiple=True, metavar="PATTERN", help="Whom the devices may write to."),
    click.option("--listen", default="", metavar="HOST:PORT", help="Where devices connect.  [default: as found]"),
    click.option("--data-dir", default="/var/lib/relay", show_default=True, help="The directory of mail."),
    click.option(
        "--secrets-dir", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
        help="Put passwords into files there, which only you can read.",
    ),
    click.option(
        "--out", "-o", type=click.Path(path_type=Path, dir_okay=False), help="A new file.  [default: standard output]"
    ),
    click.option("--force", is_flag=True, help="Replace files that are there."),
    json_option,
)  # fmt: skip


@click.group("import")
def importing() -> None:
    """Make a configuration out of another product's.

    Nothing is changed there. What can't be carried over is listed, each with why and what to do. What the file does not
    tell (tenant, client id, secret, mailbox) is told by options, or marked CHANGE-ME.
    """


def _importer(name: str, path: click.Path) -> Callable[[F], click.Command]:
    """A verb of `import`: its function makes `Found` of the path and of the directory of secrets."""

    def made(read: F) -> click.Command:
        @functools.wraps(read)
        def command(source: Path, secrets_dir: Path | None, out: Path | None, **given: Any) -> int:
            from relay.control.imports.found import SECRETS_DIR

            force, as_json = given.pop("force"), given.pop("as_json")
            if out is not None:
                may_write(out, force=force)
            told = _given(given)
            with progress(f"reading {source}"):
                found = read(source, str(secrets_dir.absolute() if secrets_dir else SECRETS_DIR))
            _tell_of_secrets(found, secrets_dir)
            with progress(f"checking the configuration of {len(found.devices)} devices"):
                text = _configuration(found, told, out)
            _keep(found, secrets_dir, force=force)
            if out is not None:
                write(out, text, mode=0o644, force=force)
            _report_json(found, text) if as_json else _report(found, text, out)
            return ExitCode.DONE

        for option in reversed((click.argument("source", metavar="FILE", type=path), *_OPTIONS)):
            command = option(command)
        return importing.command(name)(command)

    return made


_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_PLACE = click.Path(path_type=Path, exists=True)


@_importer("postfix", _PLACE)
def postfix(source: Path, _secrets_dir: str) -> Found:
    """From Postfix: its directory, or main.cf.

    Reads main.cf, master.cf and the sources of the tables beside them (sasl_passwd, sender_dependent_relayhost_maps,
    access tables, mynetworks). A copy of the directory will do.
    """
    from relay.control.imports.postfix import postfix as read

    main = source / "main.cf" if source.is_dir() else source
    master = main.with_name("master.cf")
    tables = functools.partial(_table, main.parent)
    return read(_text(main), _text(master) if master.is_file() else "", tables)


@_importer("email-oauth2-proxy", _FILE)
def email_oauth2_proxy(source: Path, secrets_dir: str) -> Found:
    """From email-oauth2-proxy: its emailproxy.config."""
    from relay.control.imports.oauth2_proxy import oauth2_proxy as read

    return read(_text(source), secrets_dir)


@_importer("iis", _FILE)
def iis(source: Path, _secrets_dir: str) -> Found:
    """From IIS SMTP: MetaBase.xml, or its relay list as text.

    A line of the list is an address, or an address and a mask: 10.0.3.0, 255.255.255.0.
    """
    from relay.control.imports.iis import iis as read

    return read(_text(source))


@_importer("csv", _FILE)
def csv(source: Path, secrets_dir: str) -> Found:
    """From a list of printers, as a spreadsheet saves it.

    The first line names the columns: name, address, login, password, profile, mailbox, owner, recipients.
    """
    from relay.control.imports.csv_list import csv_list as read

    return read(_text(source), secrets_dir)


def _text(path: Path) -> str:
    """A file of an unknown age: UTF-8 or UTF-16 with its mark, else what Windows wrote in the West."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise UnavailableError(f"{path} can't be read: {error.strerror}; name a file you may read") from error
    if len(raw) > _LARGEST:
        raise UnavailableError(f"{path} has more than {_LARGEST} octets; is it what you mean?")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _table(beside: Path, written: str) -> str | None:
    """A file that main.cf names: beside it (a copy of the directory), else where it says."""
    for path in (beside / Path(written).name, Path(written)):
        try:
            if path.is_file():
                return _text(path)
        except (OSError, ValueError, UnavailableError):
            continue
    return None


def _given(options: dict[str, Any]) -> Given:
    from relay.control.imports.found import Given

    judged = {
        "tenant": ask.Question("--tenant", "", functools.partial(ask.tenant, cloud=options["cloud"])),
        "client_id": ask.Question("--client-id", "", ask.client_id),
        "secret": ask.Question("--secret", "", ask.secret_place),
        "mailbox": ask.Question("--mailbox", "", ask.mailbox),
    }
    told = {name: one.answered(options[name]) for name, one in judged.items() if options[name]}
    return Given(
        **told, recipients=options["recipients"], listen=options["listen"], data_dir=options["data_dir"],
        cloud=options["cloud"],
    )  # fmt: skip


def _tell_of_secrets(found: Found, secrets_dir: Path | None) -> None:
    """Without a directory for them secrets are not written, which is told."""
    from relay.control.imports.found import SECRETS_DIR

    if secrets_dir is not None:
        return
    for name in found.secrets:
        found.leave("a secret", "it is not written without --secrets-dir", f"put it into {SECRETS_DIR}/{name}")
    if "token_store" in found.settings:
        found.leave("token_store", "its key is not made without --secrets-dir", "relay authorize --new-key")


def _keep(found: Found, secrets_dir: Path | None, *, force: bool) -> None:
    """The secrets of the file, each in a file of its own: all, or none where one is there already."""
    if secrets_dir is None:
        return
    from relay.control.authorize import new_key

    made = {"token-store.key": new_key()} if "token_store" in found.settings else {}
    for name in found.secrets | made:
        may_write(secrets_dir / name, force=force)
    try:
        secrets_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"{secrets_dir} can't be made: {error.strerror}; name another directory") from error
    for name, value in (found.secrets | made).items():
        write(secrets_dir / name, value + "\n", mode=0o600, force=force)


def _configuration(found: Found, given: Given, out: Path | None) -> str:
    """The text of the file, which is a good one but for secrets. Raises `BrokenConfig`."""
    from relay.config.loader import ConfigError, parse
    from relay.control.imports.found import configuration

    text = configuration(found, given)
    try:
        parse(text, str(out or found.source))
    except ConfigError as error:
        raise BrokenConfig(f"what was found makes no good configuration:\n{error}\nnothing was written") from error
    return text


def _report_json(found: Found, text: str) -> None:
    left = [asdict(one) for one in found.left]
    facts = {"devices": list(found.devices), "profiles": list(found.profiles), "left": left, "configuration": text}
    click.echo(json.dumps(facts, indent=2, ensure_ascii=False))


def _report(found: Found, text: str, out: Path | None) -> None:
    from relay.control.imports.found import CHANGE

    if out is None:
        click.echo(text, nl=False)
    click.echo(f"{found.source}: {len(found.devices)} devices, {len(found.profiles)} profiles found", err=True)
    if found.left:
        click.echo("Not carried over:", err=True)
        for left in found.left:
            click.echo(f"  - {left}", err=True)
    marks = text.count(f"# {CHANGE}")
    if marks:
        click.echo(f"Fill in what is marked {CHANGE} ({marks})", err=True)
    click.echo(f"Next: relay check -c {out or 'FILE'}", err=True)
