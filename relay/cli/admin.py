"""`relay admin`: who may sign in at the dashboard, and which programs may ask its API."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from relay.cli.options import ExitCode, UnavailableError, asked_password, config_option, json_option, settings_from
from relay.cli.table import table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from relay.control.accounts import Accounts

_ROLES = click.Choice(["viewer", "operator"])
_LONGEST = 8192  # octets of a line; the password's own limit is told by what checks it
_NOBODY = " Nobody has a password any more; make somebody with: relay admin password NAME"

name_argument = click.argument("name")


@click.group
def admin() -> None:
    """People and programs at the dashboard and its API.

    A viewer looks; an operator also gives orders and reads mail. Works beside a running relay, which heeds a change at
    once, and without one.
    """


@admin.command
@config_option
@name_argument
@click.option("--role", type=_ROLES, help="What the person may do. [default: as before; operator for a new one]")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the password from standard input, its first line.")
@json_option
def password(config: Path, name: str, role: str | None, from_stdin: bool, as_json: bool) -> int:
    """Make a person, or change a password.

    Whoever is signed in with the old password has to sign in again. Who has forgotten every password comes in so.
    """
    from relay.control.accounts import name_objection, objection

    data_dir = settings_from(config).data_dir
    _heed(name_objection(name))
    secret = _first_line() if from_stdin else asked_password()
    _heed(objection(secret))
    given = _change(data_dir, lambda accounts: _with_password(accounts, name, secret, role))
    return _tell(as_json, {"name": name, "role": given}, f"{name} is {_a(given)}.")


@admin.command
@config_option
@name_argument
@click.argument("role", type=_ROLES)
@json_option
def role(config: Path, name: str, role: str, as_json: bool) -> int:
    """Change what a person may do; the password stays."""

    def change(accounts: Accounts) -> None:
        _known(accounts.people, name, "person")["role"] = role

    _change(settings_from(config).data_dir, change)
    return _tell(as_json, {"name": name, "role": role}, f"{name} is {_a(role)}.")


@admin.command
@config_option
@name_argument
@json_option
def remove(config: Path, name: str, as_json: bool) -> int:
    """Remove a person; whoever is signed in so is signed out."""

    def change(accounts: Accounts) -> bool:
        _known(accounts.people, name, "person")
        del accounts.people[name]
        return not accounts.people

    last = _change(settings_from(config).data_dir, change)
    return _tell(as_json, {"name": name}, f"{name} is removed.{_NOBODY if last else ''}")


@admin.command("list")
@config_option
@json_option
def list_(config: Path, as_json: bool) -> int:
    """List people and tokens."""
    from relay.control.accounts import Accounts, AccountsError

    try:
        accounts = Accounts.read(settings_from(config).data_dir)
    except AccountsError as error:
        raise UnavailableError(str(error)) from error
    listing = accounts.listing()
    rows = [{"kind": one.kind, "name": one.name, "role": one.role} for one in (*listing.people, *listing.tokens)]
    words = table(rows) if rows else "Nobody; make somebody with: relay admin password NAME"
    return _tell(as_json, asdict(listing), words)


@admin.group
def token() -> None:
    """Tokens of programs that ask the API."""


@token.command("new")
@config_option
@name_argument
@click.option("--role", type=_ROLES, required=True, help="What the program may do.")
@json_option
def new(config: Path, name: str, role: str, as_json: bool) -> int:
    """Make a token, shown this once. A token of that name before it is of no use any more.

    \b
    curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8925/api/v1/status
    """
    from relay.config.dashboard import Role
    from relay.control.accounts import name_objection

    data_dir = settings_from(config).data_dir
    _heed(name_objection(name))
    made = _change(data_dir, lambda accounts: accounts.new_token(name, Role(role)))
    return _tell(as_json, {"name": name, "role": role, "token": made}, made)


@token.command
@config_option
@name_argument
@json_option
def revoke(config: Path, name: str, as_json: bool) -> int:
    """Revoke a token."""

    def change(accounts: Accounts) -> None:
        _known(accounts.tokens, name, "token")
        del accounts.tokens[name]

    _change(settings_from(config).data_dir, change)
    return _tell(as_json, {"name": name}, f"The token of {name} is revoked.")


def _with_password(accounts: Accounts, name: str, secret: str, role: str | None) -> str:
    from relay.config.dashboard import Role

    before = accounts.people.get(name, {"role": Role.OPERATOR})["role"]
    accounts.set_password(name, secret, Role(role or before))
    return accounts.people[name]["role"]


def _change(data_dir: Path, work: Callable[[Accounts], Any]) -> Any:
    from relay.control.accounts import AccountsError, changing

    try:
        with changing(data_dir) as accounts:
            return work(accounts)
    except AccountsError as error:
        raise UnavailableError(str(error)) from error


def _known(listed: dict[str, dict[str, str]], name: str, kind: str) -> dict[str, str]:
    if name not in listed:
        known = ", ".join(sorted(listed)) or "none at all"
        raise click.ClickException(f"there is no {kind} {name}; there is {known}")
    return listed[name]


def _heed(objection: str) -> None:
    if objection:
        raise click.UsageError(objection)


def _tell(as_json: bool, facts: dict[str, Any], words: str) -> int:
    click.echo(json.dumps(facts, indent=2) if as_json else words)
    return ExitCode.DONE


def _a(role: str) -> str:
    return f"an {role}" if role == "operator" else f"a {role}"


def _first_line() -> str:
    return sys.stdin.readline(_LONGEST).rstrip("\r\n")
