"""The orders of `relay queue`: retry, hold, release, drop; and the options that say which messages are meant."""

from __future__ import annotations

import functools
import json
import re
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import click

from relay.cli import names
from relay.cli.options import ExitCode, UnavailableError, config_option, json_option, settings_from
from relay.cli.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from relay.config.settings import Settings
    from relay.control.orders import Answer, Selection

    F = TypeVar("F", bound=Callable[..., Any])

# relay.spool.store.State, which control speaks for
STATES = ("queued", "uncertain", "leased", "held", "corrupt", "delivered", "failed", "dropped")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SHOWN = 20
_TEXTS = ("device", "profile", "mailbox", "sender", "recipient", "rule")
_DONE = {
    "retry": "due now",
    "hold": "held",
    "release": "released",
    "drop": "dropped",
}


def _seconds(_context: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    """90s, 15m, 2h, 3d; a bare number is seconds."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([smhd]?)", value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no duration: write 90s, 15m, 2h or 3d")
    return float(found[1]) * _UNITS[found[2] or "s"]


_ID = click.option("--id", "more_ids", metavar="ID", multiple=True, help="This message; can be given several times.")
_STATE = click.option(
    "--state", type=click.Choice(STATES), multiple=True, help="Only in this state; several are possible."
)
_ANY_STATE = click.option(
    "--state", type=click.Choice((*STATES, "all")), multiple=True,
    help="Only in this state; several are possible; all: settled ones too.",
)  # fmt: skip
_FILTERS = (
    click.option("--device", default="", shell_complete=names.devices, help="Only from this device."),
    click.option("--profile", default="", shell_complete=names.profiles, help="Only of this sender profile."),
    click.option("--mailbox", default="", help="Only of this mailbox."),
    click.option("--sender", default="", help="Only from this sender; * stands for any characters."),
    click.option("--recipient", default="", help="Only to this recipient; * stands for any characters."),
    click.option("--subject", default="", help="Only with this subject, whole; the spool has its hash alone."),
    click.option("--rule", default="", help="Only where the last answer meant this; * stands for any characters."),
    click.option("--older-than", callback=_seconds, metavar="TIME", help="Only received longer ago: 90s, 15m, 2h, 3d."),
    click.option("--younger-than", callback=_seconds, metavar="TIME", help="Only received within this time."),
)


def filters(command: F) -> F:
    """The options that say which messages; the command gets them as `selection`, without a limit."""
    return _filtered(command, _STATE)


def filters_of_a_list(command: F) -> F:
    """The same for who only looks: a list may be of all states."""
    return _filtered(command, _ANY_STATE)


def _filtered(command: F, state_option: Callable[[Any], Any]) -> F:
    @functools.wraps(command)
    def selecting(
        *,
        ids: tuple[str, ...] = (),
        more_ids: tuple[str, ...],
        state: tuple[str, ...],
        older_than: float | None,
        younger_than: float | None,
        **rest: Any,
    ) -> Any:
        from relay.message.subject import subject_hash

        texts = {name: rest.pop(name) for name in _TEXTS}
        hashed = {"subject_hash": subject_hash(rest.pop("subject"))}
        facts = {"ids": (*ids, *more_ids), "states": STATES if "all" in state else state, **texts, **hashed}
        ages = {"older_than_s": older_than, "younger_than_s": younger_than}
        return command(selection=facts | {name: age for name, age in ages.items() if age is not None}, **rest)

    for option in reversed((_ID, state_option, *_FILTERS)):
        selecting = option(selecting)
    return selecting  # type: ignore[return-value]


def an_order(name: str, text: str) -> click.Command:
    """The command of one order."""

    @click.command(name, help=text)
    @config_option
    @click.argument("ids", metavar="[ID]...", nargs=-1)
    @filters
    @click.option("--limit", type=click.IntRange(min=1), help="At most so many, oldest first.")
    @click.option("--all", "everything", is_flag=True, help="All messages that the order can mean.")
    @click.option("--yes", is_flag=True, help="Do not ask, though more than one message may be dropped.")
    @click.option("--dry-run", is_flag=True, help="Only say which messages would be touched.")
    @json_option
    def command(
        config: Path,
        selection: dict[str, Any],
        limit: int | None,
        everything: bool,
        yes: bool,
        dry_run: bool,
        as_json: bool,
    ) -> int:
        from relay.control.orders import Selection

        if not Selection.of(selection).narrow and not everything:
            raise click.UsageError(f"name the messages by id or by filters; or --all ({_all_of(name)})")
        settings = settings_from(config)
        chosen = chosen_by(settings, selection, limit)
        if dry_run:
            return _rehearse(settings, name, chosen, as_json=as_json)
        if name == "drop" and not yes:
            _make_sure(settings, chosen)
        answer = _given(settings, name, chosen, everything=everything)
        click.echo(json.dumps(answer.facts(), indent=2) if as_json else _told(name, answer))
        return ExitCode.DONE if answer.count else _none(as_json=as_json)

    return command


def chosen_by(settings: Settings, selection: dict[str, Any], limit: int | None) -> Selection:
    """With whole ids in the place of their parts."""
    from relay.control.names import whole_ids
    from relay.control.orders import Selection
    from relay.control.queue import NotFoundError, SpoolError

    try:
        ids = {"ids": whole_ids(settings, selection["ids"])}
    except NotFoundError as error:
        raise click.ClickException(str(error)) from error
    except SpoolError as error:
        raise UnavailableError(str(error)) from error
    return Selection.of(selection | ids | ({"limit": limit} if limit else {}))


def _all_of(name: str) -> str:
    from relay.control.orders import MEANT, Order

    return f"all that are {' or '.join(MEANT[Order(name)])}"


def _given(settings: Settings, name: str, chosen: Selection, *, everything: bool) -> Answer:
    from relay.control.orders import Order, Refused, Unreachable, give
    from relay.control.queue import SpoolError

    try:
        with progress(f"{name}: the relay is at it"):
            return give(settings, Order(name), chosen, everything=everything)
    except Refused as error:
        raise click.ClickException(str(error)) from error
    except (SpoolError, Unreachable) as error:
        raise UnavailableError(str(error)) from error


def _found(settings: Settings, name: str, chosen: Selection) -> list[str]:
    from relay.control.orders import Order, meant
    from relay.control.queue import SpoolError, open_queue

    try:
        return list(open_queue(settings).find(meant(Order(name), chosen)))
    except SpoolError as error:
        raise UnavailableError(str(error)) from error


def _rehearse(settings: Settings, name: str, chosen: Selection, *, as_json: bool) -> int:
    ids = _found(settings, name, chosen)
    if as_json:
        click.echo(json.dumps({"order": name, "count": len(ids), "ids": ids}, indent=2))
    else:
        click.echo(f"{name} would touch {_messages(len(ids))}, if nothing changes until then.")
        click.echo(_listed(ids), nl=False)
    return ExitCode.DONE if ids else _none(as_json=as_json)


def _make_sure(settings: Settings, chosen: Selection) -> None:
    """Dropped mail is gone: more than one message is asked for first, or needs --yes where nobody can be asked."""
    ids = _found(settings, "drop", chosen)
    if len(ids) <= 1:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"this would drop {_messages(len(ids))}: look with --dry-run, then say --yes")
    click.echo(_listed(ids), nl=False, err=True)
    click.confirm(f"Drop {_messages(len(ids))} for good?", abort=True, err=True)


def _told(name: str, answer: Answer) -> str:
    where = "" if answer.by_relay else ", on the spool: no relay runs"
    lines = [f"{_messages(answer.count)} {_DONE[name]}{where}."] if answer.count else []
    lines += [f"{one.id}: {one.reason}" for one in answer.skipped[:_SHOWN]]
    if answer.skipped_count > _SHOWN:
        lines.append(f"… and {answer.skipped_count - _SHOWN} more were left as they are")
    return "\n".join(lines)


def _listed(ids: list[str]) -> str:
    more = f"… and {len(ids) - _SHOWN} more\n" if len(ids) > _SHOWN else ""
    return "".join(f"{one}\n" for one in ids[:_SHOWN]) + more


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"


def _none(*, as_json: bool) -> int:
    if not as_json:
        click.echo("No message was touched; `relay queue list` shows what there is, with the same filters.", err=True)
    return ExitCode.FAILED


retry = an_order(
    "retry",
    "Try messages now.\n\nThose that wait are due at once, and a paused profile is tried by one of them. Failed ones "
    "are queued again for their failed recipients: name them, or say --state failed.",
)
hold = an_order(
    "hold",
    "Keep messages from being tried.\n\nOne whose attempt is under way is held when that ends, unless it is delivered "
    "or has failed.",
)
release = an_order("release", "Let held messages go: they are due at once, and their age counts anew.")
drop = an_order(
    "drop",
    "Give messages up.\n\nTheir content is removed from the disk at once, nobody is told; what is known of them stays "
    "for spool.keep_failed_days.",
)
