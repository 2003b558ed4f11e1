"""`relay status`: how the relay is: of the running one, else what its spool tells."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from relay.cli.options import ExitCode, UnavailableError, config_option, settings_from
from relay.cli.paint import painted
from relay.cli.progress import progress
from relay.cli.table import listing, table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from relay.config.settings import Settings

_WITHIN_S = 15.0  # a relay that is well answers within five


@click.command
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON (docs/reference/status.md) instead of text.")
def status(config: Path, as_json: bool) -> int:
    """Show how the relay is: profiles, queue, mailboxes, what ends soon.

    Asks the running relay; where none runs, its spool. Exit code 1: no relay runs, or it takes no mail.
    """
    settings = settings_from(config)
    with progress("asking the relay"):
        found = look_at(settings)
    click.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else painted(in_words(found)))
    return ExitCode.DONE if found["ready"] else ExitCode.FAILED


def look_at(settings: Settings, within_s: float = _WITHIN_S) -> dict[str, Any]:
    """`Status` as plain values, of the running relay or of the spool where none runs. Raises `UnavailableError`."""
    from relay.control.caller import NoRelay, Refused, Unreachable, ask

    try:
        return ask(settings.data_dir, "status", within_s=within_s)
    except NoRelay:
        return _offline(settings)
    except (Unreachable, Refused) as error:
        raise UnavailableError(str(error)) from error


def _offline(settings: Settings) -> dict[str, Any]:
    import time
    from dataclasses import asdict

    from relay import __version__
    from relay.control.status import of_spool

    return asdict(of_spool(settings, time.time(), __version__))


def in_words(found: dict[str, Any]) -> str:
    """As a person reads it: first whether mail is taken, then what holds mail up, then the figures."""
    head = f"takes mail on {', '.join(found['listening'])}" if found["ready"] else "; ".join(found["reasons"])
    told = _flow(found)
    blocks = [f"relay {found['version']}: {head}{told}"]
    if found["spool"]["trouble"] and not told:
        blocks.append(found["spool"]["trouble"])
    profiles = found["profiles"]
    blocks += [f"profile {one['name']} is {one['state']}\n{listing(one['why'])}" for one in profiles if one["why"]]
    blocks += [table(rows) for rows in (_profiles(found), _mailboxes(found), _ends(found)) if rows]
    if lately := _once(one for one in found["problems"] if not _told_above(one, found)):
        blocks.append("Lately:\n" + table([_problem(one) for one in lately[:10]], whole="remedy"))
    return "\n\n".join(blocks)


def _flow(found: dict[str, Any]) -> str:
    """Whether mail is flowing, as the dashboard says it."""
    from relay.control.flow import flow_of

    told = flow_of(found)
    return "" if told is None else "\n".join(["", told.answer, *(f"  {reason}" for reason in told.reasons)])


def _profiles(found: dict[str, Any]) -> list[dict[str, Any]]:
    """One line a profile, with what of its mail is where."""
    names = dict.fromkeys([*(one["name"] for one in found["profiles"]), *(one["profile"] for one in found["queue"])])
    state = {one["name"]: one["state"] for one in found["profiles"]}
    return [{"profile": name, "state": state.get(name, "not configured"), **_mail(found, name)} for name in names]


def _mail(found: dict[str, Any], profile: str) -> dict[str, Any]:
    mine = [one for one in found["queue"] if one["profile"] == profile]
    counts = {one["state"]: one["count"] for one in mine}
    return {
        "waiting": sum(counts.get(state, 0) for state in ("queued", "uncertain", "leased")),
        "uncertain": counts.get("uncertain", 0),
        "held": counts.get("held", 0),
        "corrupt": counts.get("corrupt", 0),
        "oldest_s": max((one["oldest_s"] for one in mine), default=0),
    }


def _mailboxes(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "mailbox": one["name"],
            "sessions": f"{one['sessions']}/{one['sessions_limit']}",
            "pace": f"{one['pace']:.0%}",
            "recipients left today": "no limit" if one["recipients_left"] is None else one["recipients_left"],
            "rests until": one["blocked_until"],
        }
        for one in found["mailboxes"]
    ]


def _ends(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {key: one[key] for key in ("app", "credential", "kind", "ends", "days_left")} for one in found["credentials"]
    ]


def _told_above(one: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether a pause or a failing sign-in stands at the top already, with its remedy."""
    held_up = {profile["name"] for profile in found["profiles"] if profile["why"]}
    return one["event"] in ("profile.paused", "signin.failing", "delivery.fallback") and one["about"] in held_up


def _once(problems: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """A mailbox is slowed down and its message deferred for one reason, which is told once."""
    found = dict[tuple[str, str], dict[str, Any]]()
    for one in problems:
        found.setdefault((one["about"], one["what"]), one)
    return list(found.values())


def _problem(one: dict[str, Any]) -> dict[str, Any]:
    return {key: one[key] for key in ("last", "times", "about", "what", "remedy")}
